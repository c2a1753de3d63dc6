package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"iris/internal/dataset"
	"iris/internal/registry"
	"iris/model"
)

// CompareInput is a candidate: a fitted model, and the version that it became.
type CompareInput struct {
	ModelName string       `json:"model_name"`
	Dataset   Dataset      `json:"dataset"`
	Model     TrainedModel `json:"model"`
	Version   string       `json:"version"`
}

// Comparison compares a candidate with the champion on rows that neither was trained on.
type Comparison struct {
	Champion          string  `json:"champion,omitempty"` // its version number; "" if the model has none
	Comparable        bool    `json:"comparable"`
	Why               string  `json:"why,omitempty"` // why they are not comparable
	Rows              int     `json:"rows,omitempty"`
	CandidateAccuracy float64 `json:"candidate_accuracy,omitempty"`
	ChampionAccuracy  float64 `json:"champion_accuracy,omitempty"`
	CandidateLogLoss  float64 `json:"candidate_log_loss,omitempty"`
	ChampionLogLoss   float64 `json:"champion_log_loss,omitempty"`
	CandidateECE      float64 `json:"candidate_ece,omitempty"`
	ChampionECE       float64 `json:"champion_ece,omitempty"`

	// Metric is the one that chose the threshold of the candidate, "" if none did. The values are those of both models.
	Metric         model.ThresholdMetric `json:"metric,omitempty"`
	CandidateValue float64               `json:"candidate_value,omitempty"`
	ChampionValue  float64               `json:"champion_value,omitempty"`

	// The number of rows that only one of them got right, and the probability of a split at least as uneven between
	// equally good models: see model.McNemar.
	OnlyCandidateRight int     `json:"only_candidate_right,omitempty"`
	OnlyChampionRight  int     `json:"only_champion_right,omitempty"`
	PValue             float64 `json:"p_value,omitempty"` // in (0, 1]; 0 if nothing was compared
}

// CompareWithChampion scores both models on the rows of the candidate's dataset that both splits hold out. A split
// decides by the content of a row, so the champion was not trained on a row that its split holds out, whatever its
// dataset was. Running it twice is safe: it writes nothing.
func (a *Activities) CompareWithChampion(ctx context.Context, in CompareInput) (Comparison, error) {
	_, stop := beat(ctx)
	defer stop()
	c, err := a.compare(ctx, in)
	return c, translate(ctx, err)
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
		// This is a retry after the promotion: the candidate is the champion already.
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
	giveBack, err := a.takeTable(ctx, in.Dataset, in.Model.TestRows)
	if err != nil {
		return Comparison{}, err
	}
	defer giveBack()
	rows, err := a.rows(ctx, in.Dataset, in.Model.TestRows, in.Model.Split, version.Split)
	if err != nil {
		return Comparison{}, err
	}
	if rows.Rows() == 0 {
		c.Why = "no row of the dataset is held out from both"
		return c, nil
	}
	err = c.score(candidate, champion, rows)
	return c, err
}

// score compares two models on the rows of the candidate's dataset. The champion gets them with its own codes of
// levels.
func (c *Comparison) score(candidate, champion *model.Model, rows *dataset.Table) error {
	schema := champion.Schema()
	recoded, err := dataset.Recode(rows, &schema)
	if err != nil {
		c.Why = "its columns are others: " + err.Error()
		return nil
	}
	ours, err := model.EvaluateUnranked(candidate, rows)
	if err != nil {
		return err
	}
	theirs, err := model.EvaluateUnranked(champion, recoded)
	if err != nil {
		return err
	}
	paired, err := model.ComparePaired(candidate, rows, champion, recoded)
	if err != nil {
		return err
	}
	c.Comparable, c.Rows = true, rows.Rows()
	c.CandidateAccuracy, c.CandidateLogLoss = ours.Accuracy, ours.LogLoss
	c.ChampionAccuracy, c.ChampionLogLoss = theirs.Accuracy, theirs.LogLoss
	c.CandidateECE, c.ChampionECE = ours.ECE, theirs.ECE
	if d := candidate.Decision(); d != nil && d.Metric != "" {
		c.Metric, c.CandidateValue, c.ChampionValue = d.Metric, d.Measure(ours), d.Measure(theirs)
	}
	c.OnlyCandidateRight, c.OnlyChampionRight, c.PValue = paired.OnlyFirst, paired.OnlySecond, paired.P
	return nil
}

// schemaChange describes how the features or classes of two models differ, "" if they are the same.
func schemaChange(champion, candidate *model.Model) string {
	old, now := champion.Schema(), candidate.Schema()
	if !slices.Equal(old.Features, now.Features) { // the order matters: a row is numbers without names
		return "its features are others: " + difference(old.Features, now.Features)
	}
	if !old.SameClasses(now) {
		return "its classes are others: " + difference(old.Classes, now.Classes)
	}
	return ""
}

// difference describes the first difference of two lists.
func difference(old, now []string) string {
	for i := range min(len(old), len(now)) {
		if old[i] != now[i] {
			return fmt.Sprintf("number %d is %q, not %q", i+1, old[i], now[i])
		}
	}
	return fmt.Sprintf("%d, not %d", len(old), len(now))
}
