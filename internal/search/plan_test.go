package search

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"iris/model"
)

// l2 returns the hyperparameter that the plans of these tests search.
func l2(t *testing.T, raw json.RawMessage) float64 {
	t.Helper()
	var h struct {
		L2 float64 `json:"l2"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h.L2
}

func TestPlan(t *testing.T) {
	const halving = `{"method":"halving","space":{"l2":{"min":0.1,"max":10}},"budget":30}`
	all := func(Trial) bool { return false }
	tests := map[string]struct {
		request string
		rows    int
		fails   func(Trial) bool
		rounds  string // trials at the share of the rows, per round
		total   int    // trials when the plan ends
		chosen  string // prefix of the name of the chosen trial
	}{
		"grid": {`{"method":"grid","space":{"l2":[3,1,2]}}`, 112, all, "3 at 1", 3, "trial-2"},
		"random": {
			`{"method":"random","space":{"l2":{"min":1,"max":2}},"budget":4}`,
			112,
			all,
			"4 at 1",
			4,
			"trial-",
		},
		"halving":             {halving, 15_000, all, "20 at 0.111, 7 at 0.333, 3 at 1", 30, "rung-3-trial-"},
		"halving of few rows": {halving, 112, all, "30 at 1", 30, "trial-"},
		"halving with failures": {
			halving,
			15_000,
			func(t Trial) bool { return strings.HasPrefix(t.Name, "rung-1-") && !strings.HasSuffix(t.Name, "5") },
			"20 at 0.111, 2 at 0.333, 1 at 1",
			23,
			"rung-3-trial-1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, spec := resolved(t, model.LogisticRegression, test.request)
			plan := r.Plan(spec, test.rows, 3)
			var rounds []string
			for more := true; more; {
				round := plan.Round()
				rounds = append(rounds, fmt.Sprintf("%d at %.3g", len(round.Trials), round.Share))
				for i := range round.Trials {
					if trial := &round.Trials[i]; !test.fails(*trial) {
						trial.Score = &model.Score{Mean: l2(t, trial.Hyperparameters)}
					}
				}
				more = plan.Next(round.Trials)
			}
			if got := strings.Join(rounds, ", "); got != test.rounds || plan.Total() != test.total {
				t.Errorf("rounds of %s, %d trials; want %s, %d trials", got, plan.Total(), test.rounds, test.total)
			}
			if chosen, reason := plan.Choose(); !strings.HasPrefix(chosen.Name, test.chosen) ||
				!strings.Contains(reason, fmt.Sprintf("the best of %d trials", test.total)) {
				t.Errorf("chose %s because %q, want %s of %d trials", chosen.Name, reason, test.chosen, test.total)
			}
		})
	}
}

// Two plans of one request take the same course: a replay depends on it.
func TestPlan_isDeterministic(t *testing.T) {
	r, spec := resolved(t, model.LogisticRegression,
		`{"method":"halving","space":{"l2":{"min":0.1,"max":10,"log":true},"tolerance":[0.1,0.01]},"budget":50}`)
	course := func() (tried []string) {
		plan := r.Plan(spec, 100_000, 3)
		for more := true; more; {
			round := plan.Round()
			for i := range round.Trials {
				tried = append(tried, round.Trials[i].Name+" "+string(round.Trials[i].Hyperparameters))
				round.Trials[i].Score = &model.Score{Mean: math.Mod(l2(t, round.Trials[i].Hyperparameters), 1)}
			}
			more = plan.Next(round.Trials)
		}
		return tried
	}
	if first, second := course(), course(); len(first) < 40 || !slices.Equal(first, second) {
		t.Errorf("two courses of one request differ:\n%q\n%q", first, second)
	}
}

func TestPlan_keepsTheBestThird(t *testing.T) {
	r, spec := resolved(t, model.LogisticRegression,
		`{"method":"halving","space":{"l2":{"min":0.1,"max":10}},"budget":30,"metric":"accuracy"}`)
	spec.ClassWeight = &model.ClassWeight{Balanced: true}
	plan := r.Plan(spec, 15_000, 3)
	first := plan.Round()
	for i := range first.Trials {
		first.Trials[i].Score = &model.Score{Mean: l2(t, first.Trials[i].Hyperparameters)}
	}
	if !plan.Next(first.Trials) {
		t.Fatal("the plan ends after its first round")
	}
	second := plan.Round()
	for i, want := range Rank(first.Trials, Accuracy)[:len(second.Trials)] {
		got := second.Specs[i]
		if string(got.Hyperparameters) != string(want.Hyperparameters) || got.Seed != seed || got.ClassWeight == nil {
			t.Errorf("spec %d of the second round is %+v, want %s with the seed and weights of the training",
				i, got, want.Hyperparameters)
		}
	}
}

func TestRank(t *testing.T) {
	trials := []Trial{
		{Name: "failed"},
		{Name: "a", Score: &model.Score{Mean: 2}},
		{Name: "b", Score: &model.Score{Mean: 1}},
		{Name: "c", Score: &model.Score{Mean: 2}},
	}
	for metric, want := range map[Metric]string{
		LogLoss: "bac", ECE: "bac", "brier": "bac", Accuracy: "acb", MacroF1: "acb", AUC: "acb", "mcc": "acb",
	} {
		var got strings.Builder
		for _, trial := range Rank(trials, metric) {
			got.WriteString(trial.Name)
		}
		if got.String() != want {
			t.Errorf("ranked by %s: %s, want %s", metric, got.String(), want)
		}
	}
}

func TestPlanAuto(t *testing.T) {
	base := model.Spec{Seed: seed}
	noForest := []model.Algorithm{model.RandomForest}
	course := func(size AutoSize, fails ...model.Algorithm) (rounds []string, chosen Trial, reason string) {
		plan := PlanAuto(base, AutoSpecs(base, size), size)
		for more := true; more; {
			round := plan.Round()
			rounds = append(rounds, fmt.Sprintf("%d on %.0f", len(round.Trials), round.Share*float64(size.Train)))
			for i := range round.Trials {
				if trial := &round.Trials[i]; !slices.Contains(fails, trial.Algorithm) {
					trial.Score = &model.Score{Mean: 1 / float64(trial.cost())} // the costliest is the best
				}
			}
			more = plan.Next(round.Trials)
		}
		chosen, reason = plan.Choose()
		return rounds, chosen, reason
	}
	for name, test := range map[string]struct {
		rows    int
		fails   []model.Algorithm
		rounds  string
		want    model.Algorithm
		of      string
		classes int // 0 is 2
		limit   int // of trials
	}{
		"few rows":     {6000, nil, "9 on 6000", model.RandomForest, "best of 9", 0, 0},
		"more rows":    {6001, nil, "9 on 3000, 3 on 6001", model.RandomForest, "best of 9", 0, 0},
		"many rows":    {10_001, nil, "9 on 3000, 3 on 10000", model.RandomForest, "best of 9", 0, 0},
		"a failure":    {40_000, noForest, "9 on 3000, 3 on 10000", model.GBDT, "best of 8", 0, 0},
		"no forest":    {1_000_000, nil, "7 on 3000, 3 on 10000", model.GBDT, "best of 7", 0, 0},
		"many classes": {40_000, nil, "9 on 10000, 3 on 30000", model.RandomForest, "best of 9", 500, 0},
		"one left": {
			1_000_000,
			[]model.Algorithm{model.GaussianNB, model.GBDT},
			"7 on 3000, 1 on 10000", model.LogisticRegression, "best of 1", 0, 0,
		},
		"one trial":                  {6000, nil, "1 on 6000", model.GBDT, "best of 1", 0, 1},
		"three trials":               {6000, nil, "3 on 6000", model.GBDT, "best of 3", 0, 3},
		"one trial of many rows":     {40_000, nil, "1 on 10000", model.GBDT, "best of 1", 0, 1},
		"four trials of many rows":   {40_000, nil, "4 on 10000", model.RandomForest, "best of 4", 0, 4},
		"seven trials of many rows":  {40_000, nil, "4 on 3000, 3 on 10000", model.RandomForest, "best of 4", 0, 7},
		"more trials than there are": {40_000, nil, "9 on 3000, 3 on 10000", model.RandomForest, "best of 9", 0, 200},
	} {
		t.Run(name, func(t *testing.T) {
			rounds, chosen, reason := course(AutoSize{
				Rows: test.rows, Train: test.rows, Classes: max(test.classes, 2), Trials: test.limit,
			}, test.fails...)
			if got := strings.Join(rounds, ", "); got != test.rounds {
				t.Errorf("rounds of %s, want %s", got, test.rounds)
			}
			if chosen.Algorithm != test.want || !strings.Contains(reason, test.of) {
				t.Errorf("took %s because %q, want %s, the %s", chosen.Algorithm, reason, test.want, test.of)
			}
		})
	}
}

// TestPlanAuto_older plans as a training does that began before the portfolio.
func TestPlanAuto_older(t *testing.T) {
	base, size := model.Spec{Seed: seed}, AutoSize{Rows: 40_000, Train: 40_000, Classes: 2, Older: true}
	if plan := PlanAuto(base, AutoSpecs(base, size)[:5], size); plan.Total() != 7 {
		t.Errorf("%d trials, want 5 and then 2", plan.Total())
	}
}

// TestAutoSpecs_limit keeps the specs that are most often the best, in the order of the list.
func TestAutoSpecs_limit(t *testing.T) {
	for limit, want := range map[int]string{
		1: "gbdt",
		2: "logistic_regression gbdt",
		4: "logistic_regression mlp gbdt random_forest",
		6: "logistic_regression mlp gbdt random_forest gbdt gbdt",
		9: "logistic_regression gaussian_nb mlp gbdt random_forest gbdt gbdt gbdt gbdt",
	} {
		var got []string
		specs := AutoSpecs(model.Spec{Seed: seed}, AutoSize{Rows: 1000, Train: 800, Classes: 2, Trials: limit})
		for _, s := range specs {
			got = append(got, string(s.Algorithm))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%d trials: %s, want %s", limit, got, want)
		}
	}
}

// TestPlan_Stop cuts a halving short in its second round.
func TestPlan_Stop(t *testing.T) {
	for name, test := range map[string]struct {
		ended []int // trials of the second round that have a score, from the best of the first
		want  string
	}{
		"none has ended":                 {nil, "rung-1-"},
		"the best has ended":             {[]int{0}, "rung-2-"},
		"others than the best ended":     {[]int{1, 2}, "rung-1-"},
		"the best and others have ended": {[]int{0, 3}, "rung-2-"},
	} {
		t.Run(name, func(t *testing.T) {
			r, spec := resolved(
				t,
				model.LogisticRegression,
				`{"method":"halving","space":{"l2":{"min":0.1,"max":10}},"budget":30}`,
			)
			plan := r.Plan(spec, 15_000, 3)
			first := plan.Round()
			for i := range first.Trials {
				first.Trials[i].Score = &model.Score{Mean: l2(t, first.Trials[i].Hyperparameters)}
			}
			plan.Next(first.Trials)
			second := plan.Round()
			for _, i := range test.ended {
				second.Trials[i].Score = &model.Score{Mean: 1}
			}
			plan.Stop(second.Trials)
			chosen, reason := plan.Choose()
			if want := fmt.Sprintf(
				"best of %d trials",
				len(first.Trials)+len(test.ended),
			); !strings.HasPrefix(
				chosen.Name,
				test.want,
			) ||
				!strings.Contains(reason, want) {
				t.Errorf("chose %s because %q, want %s, the %s", chosen.Name, reason, test.want, want)
			}
		})
	}
}
