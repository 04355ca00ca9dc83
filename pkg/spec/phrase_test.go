package spec

import "testing"

func TestPhrase(t *testing.T) {
	type hop struct {
		Via    string `yaml:"via"`
		Weight *int   `yaml:"weight"`
	}
	yes, no, weight := true, false, 2
	value := struct {
		To     string `yaml:"to"`
		MTU    int    `yaml:"mtu"`
		OnLink *bool  `yaml:"onlink"`
		NoDAD  *bool  `yaml:"nodad"`
		Hops   []hop  `yaml:"nexthops"`
		Nested hop    `yaml:"nested"`
		Absent string `yaml:"absent"`
	}{"10.0.0.0/8", 1400, &yes, &no, []hop{{"10.0.0.1", &weight}, {Via: "10.0.0.2"}}, hop{Via: "x"}, ""}
	const want = "mtu 1400 onlink nodad false nexthops via 10.0.0.1 weight 2,via 10.0.0.2 nested via x"
	if got := Phrase(value, "to"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
