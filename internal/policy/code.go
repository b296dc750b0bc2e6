package policy

// Code names a reason. The list is closed and part of the JSON contract; the
// text for people is written by the views.
type Code string

// Codes that stand for no condition.
const (
	CodeNoPolicy   Code = "no-policy"   // no policy matches the repository
	CodeNoRule     Code = "no-rule"     // no rule of the policy claims the root
	CodeNotDue     Code = "not-due"     // no remove condition holds
	CodeProtected  Code = "protected"   // a protect condition holds
	CodeInUse      Code = "in-use"      // an in-use source saw it
	CodeUnknownAge Code = "unknown-age" // the age is needed and not known
	CodeUnreadable Code = "unreadable"  // a fact is needed and could not be read
	CodeTie        Code = "tie"         // as new as the last one that is kept
	CodeFloor      Code = "floor"       // would empty the repository
	CodeGap        Code = "gap"         // the repository could not be read whole
	CodeArchived   Code = "archived"    // it lies in an archive or in quarantine
)

// Codes of conditions, one each.
const (
	CodeOlderThan     Code = "older-than"
	CodeNotPulledFor  Code = "not-pulled-for"
	CodeBeyond        Code = "beyond"
	CodeExpired       Code = "expired"
	CodeEverything    Code = "everything"
	CodeNewest        Code = "newest"
	CodeWithin        Code = "within"
	CodePulledWithin  Code = "pulled-within"
	CodeHourly        Code = "hourly"
	CodeDaily         Code = "daily"
	CodeWeekly        Code = "weekly"
	CodeMonthly       Code = "monthly"
	CodeYearly        Code = "yearly"
	CodeSemver        Code = "semver"
	CodeTags          Code = "tags"
	CodeImageTags     Code = "image-tags"
	CodeLabels        Code = "labels"
	CodeAnnotations   Code = "annotations"
	CodeMediaTypes    Code = "media-types"
	CodeArtifactTypes Code = "artifact-types"
	CodePlatforms     Code = "platforms"
	CodeSizeOver      Code = "size-over"
	CodeWhen          Code = "when"
)
