#include "sandbox/faults.h"

#include <cmath>

#include "base/strings.h"
#include "sandbox/limits.h"

namespace millrace::sandbox {
namespace {

// The shortest complete response has more bytes.
constexpr size_t kMaxCutBytes = 100;
constexpr double kMaxExportCutBytes = 100'000;
constexpr double kMaxTerminatedRecords = 1000;

}  // namespace

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
    if (shown[i] || hits_[i] > 0) result.emplace_back(FaultName(static_cast<Fault>(i)), hits_[i]);
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

bool Faults::Occurs(const FaultSpec& spec) {
  return NextChance(spec.fault, FaultName(spec.fault)) < spec.probability;
}

RequestFaults Faults::Draw() {
  RequestFaults drawn;
  drawn.max_body_bytes = kMaxBodyBytes;
  for (const FaultSpec& spec : *specs()) {
    const bool by_content = spec.fault == Fault::kPartial400 || spec.fault == Fault::kStrings400;
    if (by_content || IsOfReads(spec.fault) || !Occurs(spec)) continue;
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
      default:
        continue;
    }
    CountHit(spec.fault);
  }
  return drawn;
}

void Faults::Add(const FaultSpec& spec, ReadFaults* drawn) {
  switch (spec.fault) {
    case Fault::kExportStatus:
    case Fault::kQueryStatus:
      drawn->status = static_cast<int>(*spec.number);
      return CountHit(spec.fault);
    case Fault::kSlowQuery:
      drawn->delay += spec.duration;
      return CountHit(spec.fault);
    case Fault::kStale:
      drawn->stale = std::max(drawn->stale, spec.duration);
      return CountHit(spec.fault);
    case Fault::kTerminatedEarly:
      drawn->records.terminated_after =
          spec.number ? *spec.number
                      : static_cast<uint64_t>(NextChance(spec.fault, "terminated after") *
                                              kMaxTerminatedRecords);
      return;
    case Fault::kCutExport:
      drawn->cut_after =
          spec.number
              ? *spec.number
              : static_cast<uint64_t>(NextChance(spec.fault, "cut after") * kMaxExportCutBytes);
      return;
    case Fault::kShortGzip:
      drawn->short_gzip = true;
      return;
    default:
      drawn->records.split_share = spec.share;
      return;
  }
}

ReadFaults Faults::DrawRead(ReadApi api) {
  ReadFaults drawn;
  for (const FaultSpec& spec : *specs()) {
    if (!IsOfReads(spec.fault)) continue;
    const bool of_both = spec.fault == Fault::kSlowQuery;
    const bool of_queries = spec.fault == Fault::kQueryStatus;
    if (!of_both && of_queries != (api == ReadApi::kQuery)) continue;
    if (Occurs(spec)) Add(spec, &drawn);
  }
  if (drawn.records.split_share > 0) {
    absl::MutexLock lock(&mutex_);
    drawn.records.export_number = ++split_exports_;
  }
  return drawn;
}

bool Faults::SplitsRecord(const ExportFaults& drawn, uint64_t event_id) {
  if (drawn.split_share <= 0 ||
      Chance("split_records", drawn.export_number, event_id) >= drawn.split_share) {
    return false;
  }
  CountHit(Fault::kSplitRecords);
  return true;
}

double Faults::SplitPlace(uint64_t event_id) const { return Chance("split place", event_id, 0); }

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
