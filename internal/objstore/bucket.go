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

// noSuchLifecycle is S3's error code for a bucket without rules. minio-go does not define it.
const noSuchLifecycle = "NoSuchLifecycleConfiguration"

// EnsureBucket creates a bucket unless it exists. Several processes may call it at the same time.
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
		// Another process may have been faster.
		if exists, again := s.client.BucketExists(ctx, bucket); again == nil && exists {
			return nil
		}
	}
	return translate(ctx, doing, err)
}

// SetExpiry sets after how many days S3 deletes the objects under each prefix, counted from their creation. 0 days
// keeps them. It replaces every rule of the bucket, and writes nothing if the rules are the same already.
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

// sameRule compares the fields that SetExpiry sets. The server adds others.
func sameRule(a, b lifecycle.Rule) bool {
	return a.ID == b.ID && a.Status == b.Status && a.RuleFilter.Prefix == b.RuleFilter.Prefix &&
		a.Expiration.Days == b.Expiration.Days
}
