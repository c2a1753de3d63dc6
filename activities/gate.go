package activities

import "context"

// RecordGateInput is what the gate says about a version so far.
type RecordGateInput struct {
	Model   string `json:"model"`
	Version string `json:"version"`
	Gate    string `json:"gate"` // the decision
	Reason  string `json:"reason"`
}

// RecordGate notes on the version in MLflow what became of it, in place of what was noted before.
func (a *Activities) RecordGate(ctx context.Context, in RecordGateInput) error {
	_, stop := beat(ctx)
	defer stop()
	return translate(a.o.Registry.RecordGate(ctx, in.Model, in.Version, in.Gate, in.Reason))
}
