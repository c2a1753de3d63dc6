package model

import "encoding/json"

// membersMemory is learnerMemory for an ensemble. The members are fitted one after the other and encoded together.
func membersMemory(list ensembleMembers, size Size) (fit, encode float64) {
	fitted := 0.0 // by those before
	for _, m := range list {
		own, encoded := learnerMemory(m.spec(Spec{}), size)
		kept := keptMemory(m, size)
		fit = max(fit, fitted+own)
		fitted += kept
		encode += max(encoded, kept)
	}
	return fit, encode
}

// keptMemory returns the bytes that the model of a member and its text need at most, while others are fitted.
func keptMemory(m ensembleMember, size Size) float64 {
	h := memorySettings{}
	spec, values, err := m.spec(Spec{}).resolve()
	if err != nil {
		return 0
	}
	if adapt := families[spec.Algorithm].adapt; adapt != nil {
		adapt(values, size)
	}
	if b, err := json.Marshal(values); err != nil || json.Unmarshal(b, &h) != nil {
		return 0
	}
	rows := float64(size.Rows)
	switch spec.Algorithm {
	case RandomForest:
		return float64(h.Trees) * min(forestTreeRow*rows, forestLeafBytes*h.leaves())
	case GBDT:
		trees := float64(h.Rounds) * float64(scores(size.Classes))
		return trees * forestLeafBytes * min(float64(h.NumLeaves), rows)
	}
	fit, encode := learnerMemory(spec, size)
	return max(encode, min(fit, weightBytes*float64(size.Features+1)*float64(size.Classes)))
}
