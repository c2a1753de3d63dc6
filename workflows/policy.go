package workflows

import "iris/model"

// PromotePolicy says who decides on the promotion of a new version.
type PromotePolicy string

// The policies.
const (
	PromoteAuto   PromotePolicy = "auto"   // the gate; the default
	PromoteNever  PromotePolicy = "never"  // nobody: the version is registered, and may be promoted by hand
	PromoteManual PromotePolicy = "manual" // the gate, then a person: see ApproveUpdate
)

// PromotePolicies lists the policies.
func PromotePolicies() []PromotePolicy {
	return []PromotePolicy{PromoteAuto, PromoteNever, PromoteManual}
}

// resolve fills in the default. The error is a *model.SpecError.
func (p PromotePolicy) resolve() (PromotePolicy, error) {
	switch p {
	case "":
		return PromoteAuto, nil
	case PromoteAuto, PromoteNever, PromoteManual:
		return p, nil
	}
	const limit = 80
	return p, model.NewSpecError("/promote", "%.*q is not auto, never or manual", limit, string(p))
}
