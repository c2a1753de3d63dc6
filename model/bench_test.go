package model

import (
	"encoding/json"
	"testing"
)

func BenchmarkPredict(b *testing.B) {
	for _, algorithm := range Algorithms() {
		for _, data := range []string{"iris", "breast_cancer"} {
			b.Run(string(algorithm)+"/"+data, func(b *testing.B) {
				all := load(b, data)
				m := train(b, all, Spec{Algorithm: algorithm})
				p := make([]float64, len(all.Schema.Classes))
				rows := all.Rows()
				b.ReportAllocs()
				r := 0
				for b.Loop() {
					m.Predict(all.Row(r), p)
					if r++; r == rows {
						r = 0
					}
				}
			})
		}
	}
}

func BenchmarkTrain(b *testing.B) {
	for _, algorithm := range Algorithms() {
		for _, data := range []string{"iris", "wine", "breast_cancer"} {
			b.Run(string(algorithm)+"/"+data, func(b *testing.B) {
				all := load(b, data)
				for b.Loop() {
					train(b, all, Spec{Algorithm: algorithm})
				}
			})
		}
	}
	b.Run("logistic_regression/100000x20", func(b *testing.B) {
		all := noise(100_000, 20, 3, .5)
		for b.Loop() {
			train(b, all, Spec{})
		}
	})
	for algorithm, hyperparameters := range map[Algorithm]string{
		DecisionTree: "", RandomForest: "", GBDT: "", GaussianNB: "", KNN: "", MLP: `{"epochs":5}`,
	} {
		b.Run(string(algorithm)+"/100000x20"+hyperparameters, func(b *testing.B) {
			all := noise(100_000, 20, 3, .5)
			b.ReportAllocs()
			for b.Loop() {
				train(b, all, Spec{Algorithm: algorithm, Hyperparameters: json.RawMessage(hyperparameters)})
			}
		})
	}
	b.Run("decision_tree/1000x10", func(b *testing.B) {
		all := noise(1000, 10, 3, 1)
		for b.Loop() {
			train(b, all, Spec{Algorithm: DecisionTree})
		}
	})
}
