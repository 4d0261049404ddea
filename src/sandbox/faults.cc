#include "sandbox/faults.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

constexpr std::array<std::string_view, kFaultKinds> kNames = {
    "401",  "429", "503_retry_after", "413_2mb",     "413_10mb",
    "slow", "cut", "reply_lost",      "partial_400", "strings_400"};

constexpr double kDefaultShare = 0.01;
// The shortest complete response has more bytes.
constexpr size_t kMaxCutBytes = 100;

std::string KnownFaults() {
  std::string known = "known faults:";
  for (const std::string_view name : kNames) StrAppend(&known, " ", name);
  return known;
}

absl::Status Wrong(std::string_view spec, std::string_view why) {
  return absl::InvalidArgumentError(
      StrCat("fault \"", spec, "\": ", why, " (NAME[=VALUE][:PROBABILITY]; ", KnownFaults(), ")"));
}

bool ParseShare(std::string_view text, double* share) {
  return absl::SimpleAtod(ToAbsl(text), share) && *share >= 0 && *share <= 1;
}

absl::Status SetValue(std::string_view value, FaultSpec* parsed) {
  const std::string_view spec = parsed->text;
  switch (parsed->fault) {
    case Fault::kSlow:
      if (!absl::ParseDuration(ToAbsl(value), &parsed->duration) ||
          parsed->duration < absl::ZeroDuration() || parsed->duration > absl::Hours(1)) {
        return Wrong(spec, "the value is not a duration such as 500ms or 2s");
      }
      return absl::OkStatus();
    case Fault::k503: {
      int64_t seconds = 0;
      if (!absl::SimpleAtoi(ToAbsl(value), &seconds) || seconds < 0 || seconds > 86400) {
        return Wrong(spec, "the value is not a number of seconds");
      }
      parsed->duration = absl::Seconds(seconds);
      return absl::OkStatus();
    }
    case Fault::kPartial400:
    case Fault::kStrings400:
      parsed->has_share = true;
      if (!ParseShare(value, &parsed->share)) {
        return Wrong(spec, "the value is not a share between 0 and 1");
      }
      return absl::OkStatus();
    default:
      return Wrong(spec, "it takes no value");
  }
}

}  // namespace

std::string_view FaultName(Fault fault) { return kNames[static_cast<size_t>(fault)]; }

absl::StatusOr<FaultSpec> ParseFault(std::string_view spec) {
  FaultSpec parsed;
  parsed.text = spec;
  std::string_view rest = spec;
  const size_t colon = rest.rfind(':');
  const bool has_probability = colon != std::string_view::npos;
  if (has_probability) {
    if (!ParseShare(rest.substr(colon + 1), &parsed.probability)) {
      return Wrong(spec, "the probability is not between 0 and 1");
    }
    rest = rest.substr(0, colon);
  }
  const size_t equals = rest.find('=');
  const std::string_view name = rest.substr(0, equals);
  size_t kind = 0;
  while (kind < kNames.size() && kNames[kind] != name) ++kind;
  if (kind == kNames.size()) return Wrong(spec, "there is no such fault");
  parsed.fault = static_cast<Fault>(kind);
  if (equals != std::string_view::npos) {
    absl::Status set = SetValue(rest.substr(equals + 1), &parsed);
    if (!set.ok()) return set;
  } else if (parsed.fault == Fault::kSlow) {
    return Wrong(spec, "it needs a value, such as slow=500ms");
  } else if (parsed.fault == Fault::k503) {
    parsed.duration = absl::Seconds(1);
  } else if (parsed.fault == Fault::kPartial400 && !has_probability) {
    parsed.share = kDefaultShare;
  }
  return parsed;
}

absl::Status Faults::Set(const std::vector<std::string>& texts) {
  auto specs = std::make_shared<Specs>();
  for (const std::string& text : texts) {
    absl::StatusOr<FaultSpec> spec = ParseFault(text);
    if (!spec.ok()) return spec.status();
    specs->push_back(*std::move(spec));
  }
  absl::MutexLock lock(&mutex_);
  specs_ = std::move(specs);
  return absl::OkStatus();
}

std::shared_ptr<const Faults::Specs> Faults::specs() const {
  absl::MutexLock lock(&mutex_);
  return specs_;
}

std::vector<std::string> Faults::active() const {
  std::vector<std::string> texts;
  for (const FaultSpec& spec : *specs()) texts.push_back(spec.text);
  return texts;
}

std::vector<std::pair<std::string, uint64_t>> Faults::hits() const {
  std::array<bool, kFaultKinds> shown{};
  for (const FaultSpec& spec : *specs()) shown[static_cast<size_t>(spec.fault)] = true;
  std::vector<std::pair<std::string, uint64_t>> result;
  absl::MutexLock lock(&mutex_);
  for (size_t i = 0; i < kFaultKinds; ++i) {
    if (shown[i] || hits_[i] > 0) result.emplace_back(kNames[i], hits_[i]);
  }
  return result;
}

void Faults::ResetHits() {
  absl::MutexLock lock(&mutex_);
  hits_ = {};
}

void Faults::CountHit(Fault fault) {
  absl::MutexLock lock(&mutex_);
  ++hits_[static_cast<size_t>(fault)];
}

double Faults::Chance(std::string_view what, uint64_t high, uint64_t low) const {
  const Hash128 hash = HashBytes(StrCat(what, "/", seed_, "/", high, "/", low));
  return std::ldexp(static_cast<double>(hash.high >> 11), -53);
}

double Faults::NextChance(Fault fault, std::string_view what) {
  uint64_t draw;
  {
    absl::MutexLock lock(&mutex_);
    draw = draws_[static_cast<size_t>(fault)]++;
  }
  return Chance(what, static_cast<uint64_t>(fault), draw);
}

RequestFaults Faults::Draw() {
  RequestFaults drawn;
  drawn.max_body_bytes = kMaxBodyBytes;
  for (const FaultSpec& spec : *specs()) {
    const bool by_content = spec.fault == Fault::kPartial400 || spec.fault == Fault::kStrings400;
    if (by_content || NextChance(spec.fault, FaultName(spec.fault)) >= spec.probability) continue;
    // A rejected request gets no second fault except slowness; a cut one is not also lost.
    if (drawn.refusal != 0 && spec.fault != Fault::kSlow) continue;
    switch (spec.fault) {
      case Fault::k401:
        drawn.refusal = 401;
        break;
      case Fault::k429:
        drawn.refusal = 429;
        break;
      case Fault::k503:
        drawn.refusal = 503;
        drawn.retry_after = spec.duration;
        break;
      case Fault::k413Of2Mb:
      case Fault::k413Of10Mb: {
        const size_t limit = spec.fault == Fault::k413Of2Mb ? kOldMostBodyBytes : kMaxBodyBytes;
        if (!drawn.size_limited || limit < drawn.max_body_bytes) drawn.size_fault = spec.fault;
        drawn.max_body_bytes = std::min(drawn.max_body_bytes, limit);
        drawn.size_limited = true;
        continue;
      }
      case Fault::kSlow:
        drawn.delay += spec.duration;
        break;
      case Fault::kCut:
        if (drawn.reply_lost) continue;
        drawn.cut = true;
        drawn.cut_after = 1 + static_cast<size_t>(NextChance(spec.fault, "cut after") *
                                                  static_cast<double>(kMaxCutBytes));
        drawn.processed = NextChance(spec.fault, "cut processed") < 0.5;
        break;
      case Fault::kResponseLost:
        if (drawn.cut) continue;
        drawn.reply_lost = true;
        break;
      case Fault::kPartial400:
      case Fault::kStrings400:
        continue;
    }
    CountHit(spec.fault);
  }
  return drawn;
}

bool Faults::RefusesRecord(const Hash128& key) {
  for (const FaultSpec& spec : *specs()) {
    if (spec.fault != Fault::kPartial400) continue;
    if (Chance("partial_400", key.high, key.low) >= spec.share * spec.probability) continue;
    CountHit(spec.fault);
    return true;
  }
  return false;
}

bool Faults::RefusesBatch(absl::Span<const Hash128> keys) {
  for (const FaultSpec& spec : *specs()) {
    if (spec.fault != Fault::kStrings400) continue;
    Hash128 all;
    bool marked = !spec.has_share;
    for (const Hash128& key : keys) {
      all.high = all.high * 31 + key.high;
      all.low = all.low * 31 + key.low;
      marked = marked || Chance("strings_400", key.high, key.low) < spec.share;
    }
    if (!marked || Chance("strings_400 batch", all.high, all.low) >= spec.probability) continue;
    CountHit(spec.fault);
    return true;
  }
  return false;
}

}  // namespace millrace::sandbox
