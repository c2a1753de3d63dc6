package apiserver

import (
	"encoding/json"
	"strings"

	"iris/internal/search"
	"iris/model"
	"iris/workflows"
)

// A field whose value is one of a list of words accepts the word in upper and lower case. The workflow gets the word as
// the list has it.

// foldWord returns the one of words that equals s in upper or lower case, else s, which its field then refuses.
func foldWord[T ~string](s T, words []T) T {
	for _, word := range words {
		if strings.EqualFold(string(word), string(s)) {
			return word
		}
	}
	return s
}

// foldJSON is foldWord for a JSON string. Every other value is returned as it is.
func foldJSON[T ~string](value json.RawMessage, words []T) json.RawMessage {
	var s *T
	if err := json.Unmarshal(value, &s); err != nil || s == nil {
		return value
	}
	folded, err := json.Marshal(foldWord(*s, words))
	if err != nil {
		return value
	}
	return folded
}

// foldTraining folds the words of a training.
func foldTraining(in workflows.TrainingInput) workflows.TrainingInput {
	in.Algorithm = foldWord(in.Algorithm, append(model.Algorithms(), search.Auto))
	in.Reading = foldReading(in.Reading)
	in.Promote = foldWord(in.Promote, workflows.PromotePolicies())
	in.CellRules = foldCellRules(in.CellRules)
	in.ThresholdMetric = foldWord(in.ThresholdMetric, model.ThresholdMetrics())
	words := hyperparameterWords(in.Algorithm)
	in.Hyperparameters = foldHyperparameters(in.Hyperparameters, words)
	if in.Algorithm == model.Ensemble {
		in.Hyperparameters = foldMembers(in.Hyperparameters)
	}
	if in.Search == nil {
		return in
	}
	s := *in.Search
	s.Method = foldWord(s.Method, search.Methods())
	s.Metric = foldWord(s.Metric, search.Metrics())
	for name, dimension := range s.Space {
		for i, value := range dimension.Values {
			if words[name] != nil {
				dimension.Values[i] = foldJSON(value, words[name])
			}
		}
	}
	in.Search = &s
	return in
}

// hyperparameterWords returns the words that hyperparameters of an algorithm accept, by hyperparameter.
func hyperparameterWords(a model.Algorithm) map[string][]string {
	words := map[string][]string{}
	d, _ := model.Describe(a) // nothing for an unknown algorithm
	for _, p := range d.Parameters {
		if p.Domain.Auto {
			words[p.Name] = []string{"auto"}
		}
		if len(p.Domain.Words) > 0 {
			words[p.Name] = p.Domain.Words
		}
	}
	return words
}

func foldHyperparameters(object json.RawMessage, words map[string][]string) json.RawMessage {
	var values map[string]json.RawMessage
	if len(words) == 0 || json.Unmarshal(object, &values) != nil || values == nil {
		return object
	}
	for name := range values {
		if words[name] != nil {
			values[name] = foldJSON(values[name], words[name])
		}
	}
	folded, err := json.Marshal(values)
	if err != nil {
		return object
	}
	return folded
}

// foldMembers folds the algorithms of the members of an ensemble, and the words of their hyperparameters.
func foldMembers(object json.RawMessage) json.RawMessage {
	var values map[string]json.RawMessage
	var members []map[string]json.RawMessage
	if json.Unmarshal(object, &values) != nil || json.Unmarshal(values["members"], &members) != nil {
		return object
	}
	for _, m := range members {
		if m["algorithm"] == nil {
			continue
		}
		m["algorithm"] = foldJSON(m["algorithm"], model.Algorithms())
		var algorithm model.Algorithm
		if given := m["hyperparameters"]; given != nil && json.Unmarshal(m["algorithm"], &algorithm) == nil {
			m["hyperparameters"] = foldHyperparameters(given, hyperparameterWords(algorithm))
		}
	}
	folded, err := json.Marshal(members)
	if err != nil {
		return object
	}
	values["members"] = folded
	if folded, err = json.Marshal(values); err != nil {
		return object
	}
	return folded
}
