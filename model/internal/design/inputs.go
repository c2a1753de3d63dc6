package design

import "iris/internal/dataset"

// MaxInputs returns how many inputs the rows of s become at most.
func MaxInputs(s *dataset.Schema, e Encoding) int {
	statistics := min(len(s.Classes), maxStatisticClasses)
	if len(s.Classes) == 2 {
		statistics = 1
	}
	inputs := 0
	for i := range s.Features {
		column := s.Column(i)
		if column.Kind == dataset.Text {
			inputs += dataset.TextValues
			continue
		}
		inputs++
		if column.Missing && column.Codes() == 0 {
			inputs++
		}
		if column.Kind == dataset.Datetime {
			inputs += len(dateParts(true))
		}
		levels := column.Codes() - 1
		if column.Missing {
			levels++
		}
		switch {
		case column.Codes() == 0:
		case e == AsNumbers && levels > maxOneHotLevels:
			inputs += maxOneHotLevels + statistics
		case e == AsNumbers:
			inputs += levels
		case e == AsSplits && levels >= maxSplitGroups:
			inputs += statistics
		}
	}
	return inputs
}
