package activities

import "context"

// RecordGateInput is the present decision of the gate about a version.
type RecordGateInput struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Gate    string `json:"gate"` // the decision
	Reason  string `json:"reason"`
}

// RecordGate writes the decision of the gate as tags of the version in MLflow. Running it twice is safe: it overwrites
// the same tags.
func (a *Activities) RecordGate(ctx context.Context, in RecordGateInput) error {
	_, stop := beat(ctx)
	defer stop()
	return translate(ctx, a.o.Registry.RecordGate(ctx, in.Model, in.Version, in.Gate, in.Reason))
}
