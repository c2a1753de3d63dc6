package objstore

import (
	"fmt"
	"math"
	"time"
)

// VersionBatchesPrefix begins the keys of the notes about the batches that a version scored.
func VersionBatchesPrefix(modelName, number string) string {
	return "models/" + modelName + "/versions/" + segment(number) + "/batches/"
}

// DatasetBatchesPrefix begins the keys of the notes about the batches whose rows were a dataset.
func DatasetBatchesPrefix(digest string) string { return "dataset-batches/" + digest + "/" }

// BatchNoteName is the end of the key of a note about a batch. The names of later batches come first.
func BatchNoteName(startedAt time.Time, taskID string) string {
	return fmt.Sprintf("%019d-%s.json", math.MaxInt64-startedAt.UnixNano(), noteSegment(taskID))
}

// noteSegment is segment with room for the time before it.
func noteSegment(id string) string {
	if s := segment(id); len(s) <= maxSegment-20 {
		return s
	}
	return hashed(id)
}
