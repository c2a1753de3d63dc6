package workflows

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"iris/model"
)

// changeLimits is the change with which trainings began to call CheckLimits. Trainings of older workers do not.
const changeLimits = "check the limits of a training"

// CheckLimits rejects values that Resolve accepts although no training can use them: a bound that no metric can miss or
// reach, and a tag that some databases of MLflow cannot store. The error is a *model.SpecError.
func (in TrainingInput) CheckLimits() error {
	for _, key := range workflow.DeterministicKeys(in.Tags) {
		if strings.Contains(in.Tags[key], "\x00") {
			return model.NewSpecError("/tags/"+model.PointerToken(key), "has the character NUL")
		}
	}
	if in.Gate == nil {
		return nil
	}
	for _, bounds := range []struct {
		name  string
		rules map[string]float64
	}{{"min", in.Gate.Min}, {"max", in.Gate.Max}} {
		for _, metric := range workflow.DeterministicKeys(bounds.rules) {
			limit, pointer := bounds.rules[metric], "/gate/"+bounds.name+"/"+metric
			switch low, high := model.MetricRange(metric); {
			case limit < 0 && low == 0:
				return model.NewSpecError(pointer, "%v is negative, which %s never is", limit, metric)
			case limit < low:
				return model.NewSpecError(pointer, "%v is less than %v, the least that %s can be", limit, low, metric)
			case limit > high:
				return model.NewSpecError(pointer, "%v is more than %v, the most that %s can be", limit, high, metric)
			}
		}
	}
	return nil
}
