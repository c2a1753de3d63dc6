package workflows

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// NewTrainingID returns a fresh task id for a training of a model: training-<model>-<random>.
func NewTrainingID(modelName string) string { return newID("training", modelName) }

// NewBatchID returns a fresh task id for a batch prediction: batch-<model>-<random>.
func NewBatchID(modelName string) string { return newID("batch", modelName) }

// KeyedBatchID is the task id of a batch prediction that its client has named by a key: the same key is the same task.
func KeyedBatchID(modelName, key string) string {
	sum := sha256.Sum256([]byte(modelName + "/" + key))
	return "batch-" + modelName + "-key-" + hex.EncodeToString(sum[:16])
}

// PromotionID is the id of every promotion of a model. There is one per model, so that Temporal, which runs one
// workflow of an id at a time, puts the promotions of a model in order.
func PromotionID(modelName string) string { return "promotion-" + modelName }

// newID has 130 random bits: nobody guesses the task of somebody else, and two never meet.
func newID(kind, modelName string) string {
	return kind + "-" + modelName + "-" + strings.ToLower(rand.Text())
}
