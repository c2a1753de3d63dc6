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

// KeyedTrainingID returns the task id of a training that its client identifies by a key. The same key gives the same
// id.
func KeyedTrainingID(modelName, key string) string { return keyedID("training", modelName, key) }

// KeyedBatchID returns the task id of a batch prediction that its client identifies by a key. The same key gives the
// same id.
func KeyedBatchID(modelName, key string) string { return keyedID("batch", modelName, key) }

// PromotionID returns the id of the promotions of a model. Temporal runs one workflow per id at a time, so a common id
// lets them wait for each other. Only a training that has waited long gives its promotion an id of its own.
func PromotionID(modelName string) string { return "promotion-" + modelName }

func keyedID(kind, modelName, key string) string {
	sum := sha256.Sum256([]byte(modelName + "/" + key))
	return kind + "-" + modelName + "-key-" + hex.EncodeToString(sum[:16])
}

// newID appends 130 random bits, so that ids are unique and cannot be guessed.
func newID(kind, modelName string) string {
	return kind + "-" + modelName + "-" + strings.ToLower(rand.Text())
}
