package workflows_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"iris/activities"
	"iris/model"
	"iris/workflows"
)

func TestDecide(t *testing.T) {
	compared := func(candidate, champion float64) activities.Comparison {
		return activities.Comparison{
			Champion: "1", Comparable: true, Rows: 9, CandidateAccuracy: candidate, ChampionAccuracy: champion,
			OnlyCandidateRight: 3, OnlyChampionRight: 2, PValue: 1,
		}
	}
	losing := func(accuracy, candidate, champion float64) activities.Comparison {
		c := compared(accuracy, 0.8)
		c.CandidateLogLoss, c.ChampionLogLoss = candidate, champion
		return c
	}
	decided := func(metric model.ThresholdMetric, candidate, champion float64) activities.Comparison {
		c := compared(0.7, 0.8) // by accuracy it loses
		c.Metric, c.CandidateValue, c.ChampionValue = metric, candidate, champion
		return c
	}
	loosely := func(v float64) workflows.GateRules { return workflows.GateRules{LogLossTolerance: &v} }
	unlike := activities.Comparison{Champion: "1", Why: "its classes are others"}
	metrics := map[string]float64{"accuracy": 0.8, "log_loss": 0.5}
	atLeast := func(metric string, v float64) workflows.GateRules {
		return workflows.GateRules{Min: map[string]float64{metric: v}}
	}
	atMost := func(metric string, v float64) workflows.GateRules {
		return workflows.GateRules{Max: map[string]float64{metric: v}}
	}
	tests := map[string]struct {
		rules  workflows.GateRules
		in     activities.Comparison
		want   workflows.Decision
		reason string
	}{
		"no champion": {workflows.GateRules{}, activities.Comparison{}, workflows.Promoted, "no champion"},
		"better": {
			workflows.GateRules{},
			compared(0.9, 0.8),
			workflows.Promoted,
			"0.9000 is not worse than the 0.8000 of champion 1 on 9 rows",
		},
		"equal": {workflows.GateRules{}, compared(0.8, 0.8), workflows.Promoted, "not worse"},
		"worse": {
			workflows.GateRules{},
			compared(0.7, 0.8),
			workflows.Kept,
			"0.7000 is worse than the 0.8000",
		},
		"better in its metric": {
			workflows.GateRules{},
			decided(model.F1Threshold, 0.5, 0.4), workflows.Promoted,
			"f1 0.5000 is not worse than the 0.4000 of champion 1",
		},
		"worse in its metric": {
			workflows.GateRules{}, decided(model.MCCThreshold, 0.3, 0.4), workflows.Kept, "mcc 0.3000 is worse than the 0.4000",
		},
		"cheaper": {workflows.GateRules{}, decided(model.CostThreshold, 0.1, 0.2), workflows.Promoted, "cost 0.1000"},
		"dearer":  {workflows.GateRules{}, decided(model.CostThreshold, 0.2, 0.1), workflows.Kept, "cost 0.2000"},
		"dearer, but tolerated": {
			workflows.GateRules{Tolerance: 0.2}, decided(model.CostThreshold, 0.2, 0.1), workflows.Promoted, "by more than 0.2",
		},
		"not comparable": {workflows.GateRules{}, unlike, workflows.NeedsApproval, "its classes are others"},
		"says how sure it is": {
			workflows.GateRules{},
			compared(0.9, 0.8),
			workflows.Promoted,
			"(only it got 3 right, only the champion 2: McNemar p = 1)",
		},
		"within the tolerance": {
			workflows.GateRules{Tolerance: 0.1},
			compared(0.7, 0.8),
			workflows.Promoted,
			"champion 1 by more than 0.1 on",
		},
		"beyond the tolerance": {workflows.GateRules{Tolerance: 0.05}, compared(0.7, 0.8), workflows.Kept, "worse"},
		"a tie, less sure":     {workflows.GateRules{}, losing(0.8, 0.3, 0.2), workflows.Promoted, "not worse"},
		"a tie, far less sure": {
			workflows.GateRules{},
			losing(0.8, 0.301, 0.2),
			workflows.Kept,
			"log loss 0.3010 is worse than the 0.2000 of champion 1 by more than 0.1, though accuracy 0.8000 is not worse",
		},
		"better, far less sure": {
			workflows.GateRules{},
			losing(0.9, 0.5, 0.2),
			workflows.Kept,
			"log loss 0.5000 is worse",
		},
		"worse, but surer": {
			workflows.GateRules{},
			losing(0.7, 0.1, 0.2),
			workflows.Kept,
			"accuracy 0.7000 is worse",
		},
		"less sure, as allowed": {loosely(0.5), losing(0.8, 0.69, 0.2), workflows.Promoted, "not worse"},
		"hardly less sure":      {loosely(0), losing(0.8, 0.2001, 0.2), workflows.Kept, "by more than 0,"},
		"as sure":               {loosely(0), losing(0.8, 0.2, 0.2), workflows.Promoted, "not worse"},
		"the minimum itself":    {atLeast("accuracy", 0.8), activities.Comparison{}, workflows.Promoted, "no champion"},
		"under a minimum": {
			atLeast("accuracy", 0.81),
			activities.Comparison{},
			workflows.Kept,
			"accuracy 0.8000 is under the minimum of 0.81",
		},
		"the maximum itself": {atMost("log_loss", 0.5), activities.Comparison{}, workflows.Promoted, "no champion"},
		"over a maximum": {
			atMost("log_loss", 0.4),
			compared(0.9, 0.8),
			workflows.Kept,
			"log_loss 0.5000 is over the maximum of 0.4",
		},
		"not measured": {
			atMost("macro_f1", 1),
			activities.Comparison{},
			workflows.Kept,
			"macro_f1 (not measured)",
		},
		"too bad to be asked about": {atLeast("accuracy", 0.9), unlike, workflows.Kept, "under the minimum"},
		"everything missed, in order": {
			workflows.GateRules{Min: map[string]float64{"macro_f1": 1, "accuracy": 1}, Max: map[string]float64{"log_loss": 0}},
			activities.Comparison{},
			workflows.Kept,
			"accuracy 0.8000 is under the minimum of 1; macro_f1 (not measured) is under the minimum of 1;" +
				" log_loss 0.5000 is over the maximum of 0",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := workflows.Decide(test.rules, metrics, test.in)
			if got.Decision != test.want || !strings.Contains(got.Reason, test.reason) || got.Comparison != test.in {
				t.Errorf("Decide(%+v, %+v) = %+v, want %s because %q", test.rules, test.in, got, test.want, test.reason)
			}
		})
	}
}

func TestTrainingInput_gateAndTags(t *testing.T) {
	many := map[string]string{}
	for i := range 21 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	tooMany, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		json string
		want string // pointer of the error, "" for none
	}{
		"bounds": {
			`{"gate":{"min":{"accuracy":0.9,"macro_f1":0.8},"max":{"log_loss":0.3},"tolerance":0.01}}`,
			"",
		},
		"an empty gate":            {`{"gate":{}}`, ""},
		"null":                     {`{"gate":null,"tags":null}`, ""},
		"an unknown metric":        {`{"gate":{"min":{"acuracy":0.9}}}`, "/gate/min/acuracy"},
		"an escaped metric":        {`{"gate":{"max":{"recall/a~b":0.9}}}`, "/gate/max/recall~1a~0b"},
		"a contradiction":          {`{"gate":{"min":{"log_loss":0.5},"max":{"log_loss":0.4}}}`, "/gate/min/log_loss"},
		"a negative tolerance":     {`{"gate":{"tolerance":-0.1}}`, "/gate/tolerance"},
		"a tolerance over 1":       {`{"gate":{"tolerance":1.1}}`, "/gate/tolerance"},
		"a tolerance of log loss":  {`{"gate":{"log_loss_tolerance":0}}`, ""},
		"no tolerance of log loss": {`{"gate":{"log_loss_tolerance":null}}`, ""},
		"a negative one":           {`{"gate":{"log_loss_tolerance":-1}}`, "/gate/log_loss_tolerance"},
		"one too large":            {`{"gate":{"log_loss_tolerance":101}}`, "/gate/log_loss_tolerance"},
		"tags":                     {`{"tags":{"team":"botany","ticket.no":"IR-7"}}`, ""},
		"a tag without a key":      {`{"tags":{"":"x"}}`, "/tags/"},
		"a tag with a bad key":     {`{"tags":{"a b":"x"}}`, "/tags/a b"},
		"a tag that begins badly":  {`{"tags":{".a":"x"}}`, "/tags/.a"},
		"a tag with a long key": {
			`{"tags":{"` + strings.Repeat("k", 101) + `":"x"}}`,
			"/tags/" + strings.Repeat("k", 80) + "…",
		},
		"a tag of MLflow":           {`{"tags":{"mlflow.user":"x"}}`, "/tags/mlflow.user"},
		"a tag of Iris":             {`{"tags":{"iris.gate":"x"}}`, "/tags/iris.gate"},
		"a tag of the run":          {`{"tags":{"gate":"x"}}`, "/tags/gate"},
		"a tag that begins so":      {`{"tags":{"gatekeeper":"x"}}`, ""},
		"a tag without a value":     {`{"tags":{"a":""}}`, "/tags/a"},
		"a tag with a long value":   {`{"tags":{"a":"` + strings.Repeat("x", 501) + `"}}`, "/tags/a"},
		"more tags than are kept":   {`{"tags":` + string(tooMany) + `}`, "/tags"},
		"the longest key and value": {`{"tags":{"` + strings.Repeat("k", 100) + `":"` + strings.Repeat("x", 500) + `"}}`, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := workflows.TrainingInput{Model: "iris", Algorithm: model.LogisticRegression}
			if err := json.Unmarshal([]byte(test.json), &in); err != nil {
				t.Fatal(err)
			}
			in.Model = "iris"
			_, _, err := in.Resolve()
			var wrong *model.SpecError
			if errors.As(err, &wrong) {
				if wrong.Pointer != test.want {
					t.Errorf("error at %s (%s), want one at %q", wrong.Pointer, wrong.Reason, test.want)
				}
			} else if err != nil || test.want != "" {
				t.Errorf("got %v, want an error at %q", err, test.want)
			}
		})
	}
	var in workflows.TrainingInput
	err = json.Unmarshal([]byte(`{"gate":{"minimum":{}}}`), &in)
	if err == nil || !strings.Contains(err.Error(), "minimum") {
		t.Errorf("a misspelt rule gave %v, want an error naming it", err)
	}
}

func TestTrainingInput_CheckLimits(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:          "",
		`{"gate":{}}`: "",
		`{"gate":{"min":{"accuracy":1,"macro_f1":0},"max":{"ece":0.1,"log_loss":3}}}`: "",
		`{"gate":{"min":{"accuracy":1.01}}}`:                                          "/gate/min/accuracy",
		`{"gate":{"min":{"macro_f1":-0.1}}}`:                                          "/gate/min/macro_f1",
		`{"gate":{"min":{"mcc":-0.5,"auc":0.7},"max":{"brier":1.5}}}`:                 "",
		`{"gate":{"min":{"mcc":-1.5}}}`:                                               "/gate/min/mcc",
		`{"gate":{"max":{"brier":2.5}}}`:                                              "/gate/max/brier",
		`{"gate":{"max":{"ece":2}}}`:                                                  "/gate/max/ece",
		`{"gate":{"max":{"log_loss":-1}}}`:                                            "/gate/max/log_loss",
		`{"tags":{"a":"b\u0000c"}}`:                                                   "/tags/a",
	} {
		t.Run(body, func(t *testing.T) {
			var in workflows.TrainingInput
			if err := json.Unmarshal([]byte(body), &in); err != nil {
				t.Fatal(err)
			}
			var wrong *model.SpecError
			err := in.CheckLimits()
			if errors.As(err, &wrong) != (want != "") || wrong != nil && wrong.Pointer != want {
				t.Errorf("got %v, want an error at %q", err, want)
			}
		})
	}
}
