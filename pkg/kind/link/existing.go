package link

const existing = "existing"

var existingType = &Type{
	Name: existing,
	Doc:  "an interface that somebody else made: only what is listed on it is managed",
}
