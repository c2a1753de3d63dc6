package activities_test

import (
	"testing"

	"iris/activities"
	"iris/model"
)

func TestDeaths_endFitsAndShards(t *testing.T) {
	l := newLab(t, "dies")
	died := activities.Progress{Done: 7, Deaths: 2}
	l.env.SetHeartbeatDetails(died)
	_, err := do(l, l.TrainModel, activities.TrainModelInput{Spec: model.Spec{}})
	refused(t, err, activities.ErrWorkerDied, "three times during fit")
	_, err = do(l, l.RunTrial, activities.RunTrialInput{})
	refused(t, err, activities.ErrWorkerDied, "three times during fit")
	_, err = do(l, l.ScoreShard, activities.ScoreShardInput{})
	refused(t, err, activities.ErrWorkerDied, "three times during scoring")

	died.Ended = true // the last attempt returned an error
	l.env.SetHeartbeatDetails(died)
	must(l, l.TrainModel, l.started("given/small.csv", oneDigit(200, 2), model.Spec{}))
}
