package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"iris/internal/registry"
	"iris/model"
)

// CompareInput names a candidate: a fitted model and the version it was registered as.
type CompareInput struct {
	ModelName string       `json:"model_name"`
	Dataset   Dataset      `json:"dataset"`
	Model     TrainedModel `json:"model"`
	Version   string       `json:"version"`
}

// Comparison sets a candidate against the champion on rows that neither was trained on.
type Comparison struct {
	Champion          string  `json:"champion,omitempty"` // its version number; "" when the model has none
	Comparable        bool    `json:"comparable"`
	Why               string  `json:"why,omitempty"` // why not
	Rows              int     `json:"rows,omitempty"`
	CandidateAccuracy float64 `json:"candidate_accuracy,omitempty"`
	ChampionAccuracy  float64 `json:"champion_accuracy,omitempty"`
	CandidateLogLoss  float64 `json:"candidate_log_loss,omitempty"`
	ChampionLogLoss   float64 `json:"champion_log_loss,omitempty"`
	CandidateECE      float64 `json:"candidate_ece,omitempty"`
	ChampionECE       float64 `json:"champion_ece,omitempty"`

	// Of the rows, those that only one of them got right, and how probable a split as uneven would be if they were equally
	// good: model.McNemar.
	OnlyCandidateRight int     `json:"only_candidate_right,omitempty"`
	OnlyChampionRight  int     `json:"only_champion_right,omitempty"`
	PValue             float64 `json:"p_value,omitempty"` // in (0, 1]; absent where nothing was compared
}

// CompareWithChampion scores both on the rows of the candidate's dataset that both splits hold out. Membership is a
// function of the row, so what the champion's split holds out was never trained on by the champion, whatever dataset
// it saw.
func (a *Activities) CompareWithChampion(ctx context.Context, in CompareInput) (Comparison, error) {
	_, stop := beat(ctx)
	defer stop()
	c, err := a.compare(ctx, in)
	return c, translate(err)
}

func (a *Activities) compare(ctx context.Context, in CompareInput) (Comparison, error) {
	version, err := a.o.Registry.Champion(ctx, in.ModelName)
	if errors.Is(err, registry.ErrNotExist) {
		return Comparison{}, nil
	}
	if err != nil {
		return Comparison{}, err
	}
	if version.Number == in.Version {
		// A retry after the promotion: the candidate is the champion, and nothing is left to decide.
		return Comparison{Champion: version.Number, Comparable: true, PValue: 1}, nil
	}
	champion, err := a.o.Registry.Load(ctx, version)
	if errors.Is(err, registry.ErrCorrupt) {
		return Comparison{Champion: version.Number, Why: "its artifact cannot be read"}, nil
	}
	if err != nil {
		return Comparison{}, err
	}
	candidate, _, err := a.load(ctx, in.Model.Artifact)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Champion: version.Number}
	if c.Why = schemaChange(champion, candidate); c.Why != "" {
		return c, nil
	}
	table, err := a.table(ctx, in.Dataset)
	if err != nil {
		return Comparison{}, err
	}
	_, test := in.Model.Split.Rows(table)
	common := test[:0]
	for _, row := range test {
		if version.Split.HeldOut(table.Row(row)) {
			common = append(common, row)
		}
	}
	if len(common) == 0 {
		c.Why = "no row of the dataset is held out from both"
		return c, nil
	}
	rows := table.Subset(common)
	ours, err := model.Evaluate(candidate, rows)
	if err != nil {
		return Comparison{}, err
	}
	theirs, err := model.Evaluate(champion, rows)
	if err != nil {
		return Comparison{}, err
	}
	paired, err := model.ComparePaired(candidate, champion, rows)
	if err != nil {
		return Comparison{}, err
	}
	c.Comparable, c.Rows = true, len(common)
	c.CandidateAccuracy, c.CandidateLogLoss = ours.Accuracy, ours.LogLoss
	c.ChampionAccuracy, c.ChampionLogLoss = theirs.Accuracy, theirs.LogLoss
	c.CandidateECE, c.ChampionECE = ours.ECE, theirs.ECE
	c.OnlyCandidateRight, c.OnlyChampionRight, c.PValue = paired.OnlyFirst, paired.OnlySecond, paired.P
	return c, nil
}

// schemaChange says how two models differ in what they take or answer, "" when they do not.
func schemaChange(champion, candidate *model.Model) string {
	old, now := champion.Schema(), candidate.Schema()
	if !slices.Equal(old.Features, now.Features) { // the order counts: a row is numbers without names
		return "its features are others: " + difference(old.Features, now.Features)
	}
	if !old.SameClasses(now) {
		return "its classes are others: " + difference(old.Classes, now.Classes)
	}
	return ""
}

// difference says where two lists part.
func difference(old, now []string) string {
	for i := range min(len(old), len(now)) {
		if old[i] != now[i] {
			return fmt.Sprintf("number %d is %q, not %q", i+1, old[i], now[i])
		}
	}
	return fmt.Sprintf("%d, not %d", len(old), len(now))
}
