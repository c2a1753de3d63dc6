package objstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// noSuchLifecycle is S3's code for a bucket without rules. minio-go has no constant for it.
const noSuchLifecycle = "NoSuchLifecycleConfiguration"

// EnsureBucket creates a bucket unless it is there. Any number of processes may do so at once.
func (s *Store) EnsureBucket(ctx context.Context, bucket string) error {
	doing := "create bucket " + bucket
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	exists, err := s.client.BucketExists(ctx, bucket)
	if err != nil || exists {
		return translate(ctx, doing, err)
	}
	wait.renew()
	err = s.client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: s.region})
	if err != nil {
		// Somebody else may have been faster.
		if exists, again := s.client.BucketExists(ctx, bucket); again == nil && exists {
			return nil
		}
	}
	return translate(ctx, doing, err)
}

// SetExpiry says after how many days the objects under a prefix are deleted, by S3 itself and counted from their
// creation; 0 days keeps them. It replaces all rules of the bucket, and writes nothing when they are so already.
func (s *Store) SetExpiry(ctx context.Context, bucket string, days map[string]int) error {
	doing := "set expiry of bucket " + bucket
	want := lifecycle.NewConfiguration()
	for _, prefix := range slices.Sorted(maps.Keys(days)) {
		switch {
		case days[prefix] < 0:
			return fmt.Errorf("%s: %d days for %q: want 0 or more", doing, days[prefix], prefix)
		case days[prefix] > 0:
			want.Rules = append(want.Rules, lifecycle.Rule{
				ID:         "expire-" + strings.Trim(prefix, "/"),
				Status:     "Enabled",
				RuleFilter: lifecycle.Filter{Prefix: prefix},
				Expiration: lifecycle.Expiration{Days: lifecycle.ExpirationDays(days[prefix])},
			})
		}
	}
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	have, err := s.client.GetBucketLifecycle(ctx, bucket)
	switch {
	case minio.ToErrorResponse(err).Code == noSuchLifecycle:
		have = lifecycle.NewConfiguration()
	case err != nil:
		return translate(ctx, doing, err)
	}
	if slices.EqualFunc(have.Rules, want.Rules, sameRule) {
		return nil
	}
	wait.renew()
	return translate(ctx, doing, s.client.SetBucketLifecycle(ctx, bucket, want))
}

// sameRule compares what we set; the server adds fields of its own.
func sameRule(a, b lifecycle.Rule) bool {
	return a.ID == b.ID && a.Status == b.Status && a.RuleFilter.Prefix == b.RuleFilter.Prefix &&
		a.Expiration.Days == b.Expiration.Days
}
