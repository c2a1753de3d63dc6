package objstore

import (
	"fmt"
	"math"
	"time"
)

// VersionBatchesPrefix starts the keys of the records of the batches that a version scored.
func VersionBatchesPrefix(modelName, number string) string {
	return "models/" + modelName + "/versions/" + segment(number) + "/batches/"
}

// DatasetBatchesPrefix starts the keys of the records of the batches whose rows were a dataset.
func DatasetBatchesPrefix(digest string) string { return "dataset-batches/" + digest + "/" }

// BatchRecordName ends the key of the record of a batch. The names of later batches sort first.
func BatchRecordName(startedAt time.Time, taskID string) string {
	return fmt.Sprintf("%019d-%s.json", math.MaxInt64-startedAt.UnixNano(), recordSegment(taskID))
}

// recordSegment is segment with room for the time before it.
func recordSegment(id string) string {
	if s := segment(id); len(s) <= maxSegment-20 {
		return s
	}
	return hashed(id)
}
