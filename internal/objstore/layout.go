package objstore

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The layout of the bucket: this file and layout_*.go build every key. Anybody who starts a workflow chooses its task
// id, so a task id becomes one segment of a path, whatever it contains.

// Prefixes of objects that expire (Store.SetExpiry).
const (
	UploadsPrefix = "uploads/"
	BatchesPrefix = "batches/"

	IdempotencyPrefix = "idempotency/"
)

// RoomProbeKey is the key of an object that is written to find out whether the store has room.
const RoomProbeKey = UploadsPrefix + "room-probe"

const (
	datasetsPrefix = "datasets/"
	tasksPrefix    = "tasks/"
	modelsPrefix   = "models/"
)

// TrainingsPrefix starts the keys of what trainings keep between their steps.
const TrainingsPrefix = "trainings/"

// ManifestName ends the key of the manifest of a finished batch.
const ManifestName = "manifest.json"

// UploadKey is the key of an upload until its contents are validated.
func UploadKey(taskID string) string { return UploadsPrefix + segment(taskID) }

// IdempotencyKey is the key of the answer to a request with an idempotency key. id is a hash of both.
func IdempotencyKey(id string) string { return IdempotencyPrefix + id + ".json" }

// DatasetKey is the key of a dataset: the same bytes are the same object.
func DatasetKey(digest string) string { return datasetsPrefix + digest + ".csv" }

// IsDatasetKey reports whether DatasetKey returns a key: its object never changes.
func IsDatasetKey(key string) bool {
	return strings.HasPrefix(key, datasetsPrefix) && strings.HasSuffix(key, ".csv")
}

// DatasetsPrefix starts the keys of the datasets whose digests start with digest, and of their views.
func DatasetsPrefix(digest string) string { return datasetsPrefix + digest }

var datasetKey = regexp.MustCompile(`^` + datasetsPrefix + `([0-9a-f]{64})\.csv$`)

// DatasetDigest returns the digest of the dataset at a key. It reports false for any other object.
func DatasetDigest(key string) (digest string, ok bool) {
	if found := datasetKey.FindStringSubmatch(key); found != nil {
		return found[1], true
	}
	return "", false
}

// DatasetViewKey is the key of the schema and the profile of a dataset. The view names what they depend on besides the
// bytes: the label column and the features.
func DatasetViewKey(digest, view string) string {
	return datasetsPrefix + digest + "/" + view + ".json"
}

// TrainingKey is the key under which a training keeps its model before it registers it. runID is of MLflow.
func TrainingKey(runID, name string) string { return TrainingsPrefix + segment(runID) + "/" + name }

// TrialKey is the key under which a training keeps the result of a trial. runID is of MLflow, and of the training.
func TrialKey(runID, trial string) string {
	return TrainingKey(runID, "trials/"+segment(trial)+".json")
}

// HeldOutKey is the key under which a training keeps what a trial predicted for rows that it did not train on. runID is
// of MLflow, and of the training.
func HeldOutKey(runID, trial string) string {
	return TrainingKey(runID, "trials/"+segment(trial)+".held-out")
}

// BatchInputKey is the key of the rows of a batch. The extension of their format comes without its dot.
func BatchInputKey(taskID, extension string) string { return batchKey(taskID, "input."+extension) }

// BatchUnpackedKey is the key of the decompressed rows of an object. object is its number under a prefix, or -1.
func BatchUnpackedKey(taskID string, object int, extension string) string {
	if object < 0 {
		return BatchInputKey(taskID, extension)
	}
	return batchKey(taskID, fmt.Sprintf("input-%05d.%s", object, extension))
}

// BatchPlanKey is the key of the plan of a batch: its shards. The name is a digest of the plan.
func BatchPlanKey(taskID, name string) string { return batchKey(taskID, "plan-"+name+".json") }

// BatchPartKey is the key of the scores of a shard. A retry overwrites the same object.
func BatchPartKey(taskID string, shard int, extension string) string {
	return batchKey(taskID, fmt.Sprintf("part-%05d.%s", shard, extension))
}

// BatchPartErrorsKey is the key of the list of bad rows of a shard.
func BatchPartErrorsKey(taskID string, shard int) string {
	return batchKey(taskID, fmt.Sprintf("errors-%05d.csv", shard))
}

// BatchOutputKey is the key of the one object with all scores of a batch.
func BatchOutputKey(taskID, extension string) string { return batchKey(taskID, "output."+extension) }

// BatchErrorsKey is the key of the list of all bad rows of a batch.
func BatchErrorsKey(taskID string) string { return batchKey(taskID, "errors.csv") }

// BatchManifestKey is the key of the manifest of a finished batch.
func BatchManifestKey(taskID string) string { return batchKey(taskID, ManifestName) }

func batchKey(taskID, name string) string {
	return BatchesPrefix + segment(taskID) + "/" + name
}

// TaskKey is the key of the final status of a task, for when Temporal has deleted the workflow.
func TaskKey(taskID string) string { return TaskKeyOf(segment(taskID)) }

// TaskKeyOf is TaskKey for a task id as another key contains it.
func TaskKeyOf(segment string) string { return tasksPrefix + segment + ".json" }

// ChampionsKey is the key of the index of the champions of all models.
const ChampionsKey = "champions/index.json"

// AcceptedPrefix starts the keys of the traces of accepted tasks.
const AcceptedPrefix = "accepted/"

// AcceptedKey is the key of the trace of a task from its acceptance until its final status is stored.
func AcceptedKey(taskID string) string { return AcceptedPrefix + segment(taskID) + ".json" }

// ModelSchemaKey is the key of the schema of a model. model.CheckName makes sure that a name is a valid segment.
func ModelSchemaKey(modelName string) string { return modelsPrefix + modelName + "/schema.json" }

// ModelHistoryPrefix starts the keys of the entries about a model's promotions.
func ModelHistoryPrefix(modelName string) string { return "models/" + modelName + "/history/" }

// IsOwnKey reports whether Iris writes objects with keys like this one. Others may use the bucket too.
func IsOwnKey(key string) bool {
	for _, prefix := range []string{
		UploadsPrefix, BatchesPrefix, TrainingsPrefix, AcceptedPrefix, datasetsPrefix, datasetAnnotationsPrefix,
		tasksPrefix, modelsPrefix,
	} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// maxSegment is the most bytes that MinIO accepts between two slashes of a key.
const maxSegment = 255 - len(".json")

// segment escapes an id. An id of dots alone, which a path would resolve, and one that is too long become their hash.
func segment(id string) string {
	escaped := url.PathEscape(id)
	if strings.Trim(escaped, ".") != "" && len(escaped) <= maxSegment {
		return escaped
	}
	return hashed(id)
}

func hashed(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}
