package model_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"

	"iris/internal/dataset"
	"iris/internal/partition"
	"iris/model"
)

// readIris reads the iris data: 150 flowers of three species, with four measurements in centimetres each.
func readIris() *dataset.Table {
	table, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
	if err != nil {
		log.Fatal(err)
	}
	return table
}

// trainIris trains a logistic regression, and returns it with the rows that were held out of the training.
func trainIris() (m *model.Model, test *dataset.Table) {
	table := readIris()
	trainingRows, testRows := partition.NewSplit(table, 42, 0.2).Rows(table)
	m, err := model.Train(context.Background(), table.Subset(trainingRows), model.Spec{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return m, table.Subset(testRows)
}

// Train a model, evaluate it on rows that it has not seen, store it, and classify a flower with the stored model.
func Example() {
	table := readIris()
	trainingRows, testRows := partition.NewSplit(table, 42, 0.2).Rows(table)

	spec := model.Spec{Algorithm: model.LogisticRegression, Seed: 42}
	m, err := model.Train(context.Background(), table.Subset(trainingRows), spec, nil)
	if err != nil {
		log.Fatal(err)
	}

	metrics, err := model.Evaluate(m, table.Subset(testRows))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("accuracy %.2f on %d rows\n", metrics.Accuracy, metrics.Rows)

	artifact, err := m.Encode()
	if err != nil {
		log.Fatal(err)
	}
	stored, err := model.Decode(artifact)
	if err != nil {
		log.Fatal(err)
	}

	flower := []float64{6.7, 3.0, 5.2, 2.3} // sepal length and width, petal length and width
	probabilities := make([]float64, len(stored.Schema().Classes))
	class := stored.Predict(flower, probabilities)
	fmt.Printf("%s with a probability of %.2f\n", stored.Schema().Classes[class], probabilities[class])

	// Output:
	// accuracy 0.97 on 32 rows
	// virginica with a probability of 0.94
}

// Train another algorithm with hyperparameters, and print its progress.
func ExampleTrain() {
	spec := model.Spec{
		Algorithm:       model.GBDT,
		Hyperparameters: json.RawMessage(`{"n_rounds": 20, "num_leaves": 8}`),
		Seed:            42,
	}
	_, err := model.Train(context.Background(), readIris(), spec, func(p model.Progress) {
		if p.Iteration%10 == 0 {
			fmt.Printf("round %d of %d: log loss %.2f\n", p.Iteration, p.Total, p.Loss)
		}
	})
	if err != nil {
		log.Fatal(err)
	}

	// Output:
	// round 0 of 20: log loss 1.10
	// round 10 of 20: log loss 0.21
	// round 20 of 20: log loss 0.08
}

// A wrong hyperparameter is a *SpecError that points to it.
func ExampleTrain_specError() {
	spec := model.Spec{Algorithm: model.KNN, Hyperparameters: json.RawMessage(`{"k": 0}`)}
	_, err := model.Train(context.Background(), readIris(), spec, nil)
	fmt.Println(err)

	// Output:
	// /hyperparameters/k: want a whole number from 1 to 256
}

// Print how well a model separates each class.
func ExampleEvaluate() {
	m, test := trainIris()
	metrics, err := model.Evaluate(m, test)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range metrics.Classes {
		fmt.Printf("%-10s precision %.2f, recall %.2f, %d rows\n", c.Class, c.Precision, c.Recall, c.Support)
	}
	fmt.Printf("log loss %.2f\n", metrics.LogLoss)

	// Output:
	// setosa     precision 1.00, recall 1.00, 11 rows
	// versicolor precision 0.88, recall 1.00, 7 rows
	// virginica  precision 1.00, recall 0.93, 14 rows
	// log loss 0.13
}

// Estimate how well a spec does, without holding rows out of the final training.
func ExampleCrossValidate() {
	validation := model.CrossValidation{Folds: 5, Repeats: 1, Seed: 42}
	v, err := model.CrossValidate(context.Background(), readIris(), model.Spec{}, validation, nil)
	if err != nil {
		log.Fatal(err)
	}
	accuracy := v.Scores["accuracy"]
	fmt.Printf("%d fits: accuracy %.2f ± %.2f\n", v.Fits, accuracy.Mean, v.StandardError("accuracy"))

	// Output:
	// 5 fits: accuracy 0.95 ± 0.01
}

// Predict reuses the slice of the caller, so a prediction does not allocate.
func ExampleModel_Predict() {
	m, _ := trainIris()
	probabilities := make([]float64, len(m.Schema().Classes))
	for _, flower := range [][]float64{{5.1, 3.5, 1.4, 0.2}, {6.2, 2.8, 4.9, 1.7}} {
		class := m.Predict(flower, probabilities)
		fmt.Printf("%s %.2f\n", m.Schema().Classes[class], probabilities)
	}

	// Output:
	// setosa [0.98 0.02 0.00]
	// virginica [0.00 0.48 0.52]
}

// Classify many rows in one call.
func ExampleModel_PredictRows() {
	m, _ := trainIris()
	rows := []float64{
		5.1, 3.5, 1.4, 0.2,
		6.2, 2.8, 4.9, 1.7,
	}
	labels, probabilities := make([]int, 2), make([]float64, 2*len(m.Schema().Classes))
	m.PredictRows(rows, labels, probabilities)
	fmt.Println(labels)

	// Output:
	// [0 2]
}

// An artifact is JSON that names its format, so other programs can recognise it.
func ExampleModel_Encode() {
	m, _ := trainIris()
	artifact, err := m.Encode()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s…\n", artifact[:43])

	stored, err := model.Decode(artifact)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored.Spec().Algorithm, stored.Schema().Features)

	// Output:
	// {"format":"iris-model","format_version":1,"…
	// logistic_regression [sepal_length sepal_width petal_length petal_width]
}

// Write a model for onnxruntime and other programs that read ONNX.
func ExampleModel_ONNX() {
	m, _ := trainIris()
	file, err := m.ONNX()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(file) > 0, m.ONNXOutputs())

	// Output:
	// true [label p_setosa p_versicolor p_virginica]
}

// A resolved spec contains every hyperparameter.
func ExampleSpec_Resolve() {
	spec, err := model.Spec{Algorithm: model.RandomForest, Hyperparameters: json.RawMessage(`{"n_trees": 10}`)}.Resolve()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(spec.Hyperparameters))

	// Output:
	// {"class_weight":"none","max_depth":-1,"min_rows_leaf":1,"n_trees":10}
}
