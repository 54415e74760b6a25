#include "machines/workflow/policy/cron.h"

#include <array>
#include <bitset>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "base/errors.h"

namespace perdure::machines {
namespace {

using Mask = std::bitset<64>;

struct Cron {
  absl::Duration every;  // of @every; else zero
  absl::TimeZone zone = absl::UTCTimeZone();
  Mask minutes, hours, days, months, weekdays;
  bool any_day = true;      // day of month is *
  bool any_weekday = true;  // day of week is *
};

struct FieldRange {
  int min;
  int max;
  std::vector<absl::string_view> names;  // of min, min + 1, …
};

std::optional<int> ParseNumber(absl::string_view text, const FieldRange& range) {
  int value = 0;
  if (absl::SimpleAtoi(text, &value)) return value;
  const std::string lower = absl::AsciiStrToLower(text);
  for (size_t i = 0; i < range.names.size(); ++i) {
    if (lower == range.names[i]) return range.min + static_cast<int>(i);
  }
  return std::nullopt;
}

// One comma-separated part: *, n, a-b, each with an optional /step.
bool ParsePart(absl::string_view part, const FieldRange& range, Mask& mask) {
  const std::vector<absl::string_view> step_parts = absl::StrSplit(part, '/');
  if (step_parts.size() > 2) return false;
  int step = 1;
  if (step_parts.size() == 2 && (!absl::SimpleAtoi(step_parts[1], &step) || step <= 0))
    return false;
  int low = range.min;
  int high = range.max;
  if (step_parts[0] != "*" && step_parts[0] != "?") {
    const std::vector<absl::string_view> ends = absl::StrSplit(step_parts[0], '-');
    if (ends.size() > 2) return false;
    const std::optional<int> first = ParseNumber(ends[0], range);
    if (!first.has_value()) return false;
    low = *first;
    // "n/step" runs to the end of the range.
    if (step_parts.size() == 1) high = low;
    if (ends.size() == 2) {
      const std::optional<int> last = ParseNumber(ends[1], range);
      if (!last.has_value()) return false;
      high = *last;
    }
  }
  if (low < range.min || high > range.max || low > high) return false;
  for (int value = low; value <= high; value += step) mask.set(value);
  return true;
}

bool ParseField(absl::string_view field, const FieldRange& range, Mask& mask) {
  for (const absl::string_view part : absl::StrSplit(field, ',')) {
    if (!ParsePart(part, range, mask)) return false;
  }
  return true;
}

absl::Status Bad(absl::string_view schedule) {
  return base::InvalidArgument(
      absl::StrCat("invalid CronSchedule, invalid schedule spec: ", schedule));
}

absl::StatusOr<Cron> ParseCron(absl::string_view schedule) {
  Cron cron;
  absl::string_view rest = absl::StripAsciiWhitespace(schedule);
  if (absl::StartsWith(rest, "CRON_TZ=") || absl::StartsWith(rest, "TZ=")) {
    const size_t space = rest.find(' ');
    if (space == absl::string_view::npos) return Bad(schedule);
    const size_t equals = rest.find('=');
    const std::string zone(rest.substr(equals + 1, space - equals - 1));
    if (!absl::LoadTimeZone(zone, &cron.zone)) return Bad(schedule);
    rest = absl::StripAsciiWhitespace(rest.substr(space));
  }
  if (absl::StartsWith(rest, "@every ")) {
    if (!absl::ParseDuration(rest.substr(7), &cron.every)) return Bad(schedule);
    if (cron.every < absl::Seconds(1)) return Bad(schedule);
    return cron;
  }
  static constexpr std::array<std::pair<const char*, const char*>, 7> kNames = {{
      {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"},
      {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"},
      {"@daily", "0 0 * * *"},
      {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"},
  }};
  for (const auto& [name, spec] : kNames) {
    if (rest == name) rest = spec;
  }
  const std::vector<absl::string_view> fields =
      absl::StrSplit(rest, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (fields.size() != 5) return Bad(schedule);
  const FieldRange months{
      1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}};
  const FieldRange weekdays{0, 6, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}};
  const bool is_valid = ParseField(fields[0], {0, 59, {}}, cron.minutes) &&
                        ParseField(fields[1], {0, 23, {}}, cron.hours) &&
                        ParseField(fields[2], {1, 31, {}}, cron.days) &&
                        ParseField(fields[3], months, cron.months) &&
                        ParseField(fields[4], weekdays, cron.weekdays);
  if (!is_valid) return Bad(schedule);
  cron.any_day = absl::StartsWith(fields[2], "*") || absl::StartsWith(fields[2], "?");
  cron.any_weekday = absl::StartsWith(fields[4], "*") || absl::StartsWith(fields[4], "?");
  return cron;
}

bool IsDay(const Cron& cron, absl::CivilDay day) {
  if (!cron.months.test(day.month())) return false;
  const bool day_matches = cron.days.test(day.day());
  // absl counts weekdays from Monday, cron from Sunday.
  const int weekday = (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;
  const bool weekday_matches = cron.weekdays.test(weekday);
  // Cron's old rule: when both are restricted, either suffices.
  if (cron.any_day || cron.any_weekday) return day_matches && weekday_matches;
  return day_matches || weekday_matches;
}

// The first tick strictly after `after`, or InfiniteFuture within five years.
absl::Time Next(const Cron& cron, absl::Time after) {
  if (cron.every > absl::ZeroDuration()) {
    // Whole seconds, as the library that Temporal uses counts.
    return absl::FromUnixSeconds(absl::ToUnixSeconds(after)) + cron.every;
  }
  const absl::CivilMinute start = absl::ToCivilMinute(after, cron.zone) + 1;
  absl::CivilDay day(start);
  for (int days = 0; days < 5 * 366; ++days, ++day) {
    if (!IsDay(cron, day)) continue;
    for (absl::CivilMinute minute(day); absl::CivilDay(minute) == day; ++minute) {
      if (minute < start || !cron.hours.test(minute.hour())) continue;
      if (!cron.minutes.test(minute.minute())) continue;
      const absl::TimeZone::TimeInfo info = cron.zone.At(absl::CivilSecond(minute));
      if (info.kind == absl::TimeZone::TimeInfo::SKIPPED) continue;
      if (info.pre > after) return info.pre;
    }
  }
  return absl::InfiniteFuture();
}

}  // namespace

absl::Status CheckCron(absl::string_view schedule) {
  if (schedule.empty()) return absl::OkStatus();
  return ParseCron(schedule).status();
}

int64_t CronBackoff(absl::string_view schedule, int64_t start_ns, int64_t close_ns) {
  if (schedule.empty()) return 0;
  const absl::StatusOr<Cron> cron = ParseCron(schedule);
  if (!cron.ok()) return 0;
  const absl::Time close = absl::FromUnixNanos(close_ns);
  absl::Time next = absl::FromUnixNanos(start_ns);
  if (cron->every > absl::ZeroDuration() && close > next) {
    // All ticks missed at once: there may be very many.
    const int64_t missed = (close - next) / cron->every;
    next += missed * cron->every;
  }
  if (cron->every == absl::ZeroDuration() && next < close) next = close - absl::Seconds(1);
  while (next <= close) {
    next = Next(*cron, next);
    if (next == absl::InfiniteFuture()) return 0;
  }
  const int64_t backoff_ns = absl::ToInt64Nanoseconds(next - close);
  // Whole seconds, never early.
  constexpr int64_t kSecond = 1'000'000'000;
  return (backoff_ns + kSecond - 1) / kSecond * kSecond;
}

}  // namespace perdure::machines
