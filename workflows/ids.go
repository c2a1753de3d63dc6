package workflows

import (
	"crypto/rand"
	"strings"
)

// NewTrainingID returns a fresh task id for a training of a model: training-<model>-<random>.
func NewTrainingID(modelName string) string { return newID("training", modelName) }

// NewBatchID returns a fresh task id for a batch prediction: batch-<model>-<random>.
func NewBatchID(modelName string) string { return newID("batch", modelName) }

// PromotionID is the id of every promotion of a model. There is one per model, so that Temporal, which runs one
// workflow of an id at a time, puts the promotions of a model in order.
func PromotionID(modelName string) string { return "promotion-" + modelName }

// newID has 130 random bits: nobody guesses the task of somebody else, and two never meet.
func newID(kind, modelName string) string {
	return kind + "-" + modelName + "-" + strings.ToLower(rand.Text())
}
