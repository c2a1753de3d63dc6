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
// keeps them. It owns one rule for each prefix, by its id, and keeps every other rule of the bucket. It writes nothing
// if its rules are the same already.
func (s *Store) SetExpiry(ctx context.Context, bucket string, days map[string]int) error {
	doing := "set expiry of bucket " + bucket
	var want []lifecycle.Rule
	for _, prefix := range slices.Sorted(maps.Keys(days)) {
		switch {
		case days[prefix] < 0:
			return fmt.Errorf("%s: %d days for %q: want 0 or more", doing, days[prefix], prefix)
		case days[prefix] > 0:
			want = append(want, lifecycle.Rule{
				ID:         expiryRule(prefix),
				Status:     "Enabled",
				RuleFilter: lifecycle.Filter{Prefix: prefix},
				Expiration: lifecycle.Expiration{Days: lifecycle.ExpirationDays(days[prefix])},
			})
		}
	}
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	config, err := s.client.GetBucketLifecycle(ctx, bucket)
	switch {
	case minio.ToErrorResponse(err).Code == noSuchLifecycle:
		config = lifecycle.NewConfiguration()
	case err != nil:
		return translate(ctx, doing, err)
	}
	var own, foreign []lifecycle.Rule
	for _, rule := range config.Rules {
		if isExpiryRule(rule, days) {
			own = append(own, rule)
		} else {
			foreign = append(foreign, rule)
		}
	}
	if slices.EqualFunc(own, want, sameRule) {
		return nil
	}
	config.Rules = append(foreign, want...)
	wait.renew()
	return translate(ctx, doing, s.client.SetBucketLifecycle(ctx, bucket, config))
}

// expiryRule returns the id of the rule that SetExpiry writes for a prefix.
func expiryRule(prefix string) string { return "expire-" + strings.Trim(prefix, "/") }

// isExpiryRule reports whether a call of SetExpiry wrote the rule, for one of the prefixes.
func isExpiryRule(r lifecycle.Rule, days map[string]int) bool {
	for prefix := range days {
		if r.ID == expiryRule(prefix) {
			return true
		}
	}
	return false
}

// sameRule compares the fields that SetExpiry sets. The server adds others.
func sameRule(a, b lifecycle.Rule) bool {
	return a.ID == b.ID && a.Status == b.Status && a.RuleFilter.Prefix == b.RuleFilter.Prefix &&
		a.Expiration.Days == b.Expiration.Days
}
