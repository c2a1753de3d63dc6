package activities

import (
	"encoding/json"
	"testing"
	"time"
)

func TestPromotionResult_readsRecordedResults(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]PromotionResult{
		`{"from":"1","at":"2026-11-23T12:00:00Z"}`:                           {Promoted: true, From: "1", At: at},
		`{"champion_changed":true,"from":"3","at":"2026-11-23T12:00:00Z"}`:   {From: "3", At: at},
		`{"promoted":true,"from":"1","to":"2","at":"2026-11-23T12:00:00Z"}`:  {Promoted: true, From: "1", To: "2", At: at},
		`{"promoted":false,"from":"1","to":"2","at":"2026-11-23T12:00:00Z"}`: {From: "1", To: "2", At: at},
	} {
		var got PromotionResult
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %+v (%v), want %+v", text, got, err, want)
		}
	}
}
