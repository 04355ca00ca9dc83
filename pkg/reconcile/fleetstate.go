package reconcile

import "time"

// Fleet is how this machine stands with the fleet that it is a node of, in the JSON form that `linkd status` prints.
type Fleet struct {
	// Node is the name of this machine in the fleet.
	Node string `json:"node"`
	// Revision is the number of the fleet's revision whose files linkd read last; 0 for none.
	Revision  int64 `json:"revision"`
	Connected bool  `json:"connected"`
	// Since is when the connection began or was lost.
	Since time.Time `json:"since"`
	// Reason says why there is no connection, or why linkd cannot use what etcd has.
	Reason string `json:"reason,omitempty"`
}
