package model

import (
	"context"
	"encoding/json"
	"fmt"

	"iris/internal/dataset"
)

// memberSteps is how many iterations of an ensemble the fit of a member counts as, whatever its own iterations are.
const memberSteps = 100

// fitEnsemble trains each member on t. It returns s with the hyperparameters that the members chose by the table.
func fitEnsemble(
	ctx context.Context, t *dataset.Table, s Spec, report func(Progress),
) (Spec, *ensemble, error) {
	e, specs, err := newEnsemble(s)
	if err != nil {
		return s, nil, err
	}
	settled, err := s.ensembleSettings()
	if err != nil {
		return s, nil, err
	}
	schema := cloneSchema(t.Schema)
	for i, spec := range specs {
		m := &Model{schema: schema}
		m.spec, m.design, m.scorer, err = fit(ctx, t, spec, func(p Progress) {
			report(p.ofMember(i, len(specs)))
		})
		if err == nil {
			err = m.scorer.prepare(m.inputs(), len(schema.Classes))
		}
		if err != nil {
			return s, nil, ofMember(i, err)
		}
		settled.Members[i].Hyperparameters = m.spec.Hyperparameters
		e.members = append(e.members, m)
	}
	s.Hyperparameters, err = json.Marshal(settled)
	if err != nil {
		return s, nil, fmt.Errorf("encode hyperparameters: %w", err)
	}
	return s, e, nil
}

// ofMember turns the progress of member i of several into that of their ensemble.
func (p Progress) ofMember(i, of int) Progress {
	return Progress{
		Iteration: memberSteps*i + memberSteps*p.Iteration/max(p.Total, 1),
		Total:     memberSteps * of,
		Loss:      p.Loss,
	}
}

func init() {
	// Its members are of the other families, so the table of families cannot hold it from the start.
	families[Ensemble] = family{
		summary: "The weighted mean of the probabilities of models of other families, with a temperature. " +
			"It is often better than each of them, and costs as much as all of them.",
		parameters: []parameter{
			membersParameter(),
			number(
				"temperature",
				1,
				MinTemperature,
				MaxTemperature,
			).means("What the logarithms of the mean are divided by: above 1 the " +
				"probabilities become less sure, below 1 more. 1 changes nothing."),
		},
		weighMembers: weighMembers,
		check:        checkEnsemble,
		compose:      fitEnsemble,
	}
}
