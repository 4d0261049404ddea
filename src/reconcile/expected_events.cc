#include "reconcile/expected_events.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "mapping/identity_event.h"
#include "objects/mapped_rows.h"
#include "objects/object_source.h"

namespace millrace {
namespace {

constexpr ChunkLimits kChunk;
constexpr std::string_view kRekeyed = "\"$distinct_id_before_identity\"";
constexpr size_t kMappedBytes = 4 << 20;  // of a chunk, at a time

absl::StatusOr<std::unique_ptr<RowReader>> Open(const ConfirmedObject& confirmed,
                                                Warnings& warnings) {
  ASSIGN_OR_RETURN(std::shared_ptr<ObjectReader> object,
                   confirmed.object.store->Open(confirmed.object.info));
  ReadOptions options = ReadOptionsFor(*confirmed.config);
  options.warnings = &warnings;
  return OpenMappedRows(std::move(object), *confirmed.config, options);
}

}  // namespace

absl::Status ExpectedEvents::Read(const ConfirmedObject& object, uint32_t number,
                                  std::stop_token stop) {
  ASSIGN_OR_RETURN(DeadRows dead, read_dead_(object.key, identify_));
  RETURN_IF_ERROR(TakeReplayed(dead.replayed, number, object.other_mapping));
  ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader, Open(object, warnings_));
  LedgerEntry entry;
  entry.key = object.key;
  Chunk chunk;
  chunk.object = std::make_shared<const LedgerEntry>(std::move(entry));
  for (uint64_t row = 0; row < object.rows;) {
    if (stop.stop_requested()) return absl::CancelledError("reconciling was stopped");
    const size_t left = static_cast<size_t>(std::min<uint64_t>(object.rows - row, kChunk.rows));
    ASSIGN_OR_RETURN(std::unique_ptr<RowChunk> rows, reader->Read({left, kChunk.bytes}));
    if (rows == nullptr) break;
    row = rows->after().row;
    rows_read_ += rows->row_count();
    auto payload = std::make_unique<RowsPayload>();
    payload->config = object.config;
    payload->rows = std::move(rows);
    chunk.payload = std::move(payload);
    transform_.Begin(chunk);
    for (bool through = false; !through;) {
      mapped_.clear();
      through = transform_.Next(kMappedBytes, mapped_);
      RETURN_IF_ERROR(TakeMapped(dead, number, object.other_mapping));
    }
  }
  return absl::OkStatus();
}

bool ExpectedEvents::TakeRefused(DeadRows& dead, uint64_t row, const Hash128& event) {
  const auto partial = dead.partial.find(row);
  if (partial == dead.partial.end()) return true;  // all of them
  std::vector<Hash128>& refused = partial->second;
  const auto found = std::ranges::lower_bound(refused, event);
  if (found == refused.end() || *found != event) return false;
  refused.erase(found);
  return true;
}

absl::Status ExpectedEvents::TakeMapped(DeadRows& dead, uint32_t number, bool all_optional) {
  const Batch& batch = mapped_.batch;
  rows_filtered_ += mapped_.filtered;
  rows_rejected_ += mapped_.rejections.size();
  for (size_t i = 0; i < batch.rows(); ++i) {
    const uint64_t row = batch.source_rows[i];
    const bool was_rejected = dead.rejected.Contains(row);
    const bool first_of_row = i == 0 || batch.source_rows[i - 1] != row;
    rows_rejected_ += was_rejected && first_of_row;
    const absl::Status identified = identify_(batch.row(i), identity_);
    // Mixpanel exports events that connect ids with a time.
    const bool may_be_compared = other_identity_ != nullptr && identified.ok();
    if (IsIdentityRecord(batch.row(i)) && !may_be_compared) {
      ++events_not_checked_;
      continue;
    }
    if (!identified.ok() && was_rejected) continue;
    RETURN_IF_ERROR(Annotate(identified, StrCat("row ", row + 1)));
    if (other_identity_ != nullptr && batch.row(i).find(kRekeyed) != std::string_view::npos) {
      RETURN_IF_ERROR(AddBoth(batch.row(i), row, number));
      continue;
    }
    const bool was_refused = was_rejected && TakeRefused(dead, row, identity_.fingerprint());
    // It would make room for a copy of a row with the same identity.
    if (was_refused && keeps_repeats_) continue;
    RETURN_IF_ERROR(Add(identity_, row, number, all_optional || was_refused));
  }
  return absl::OkStatus();
}

absl::Status ExpectedEvents::AddBoth(std::string_view record, uint64_t row, uint32_t number) {
  ++events_not_checked_;
  RETURN_IF_ERROR(Add(identity_, row, number, /*optional=*/true));
  EventIdentity other;
  RETURN_IF_ERROR(Annotate(other_identity_(record, other), StrCat("row ", row + 1)));
  if (other.key == identity_.key) return absl::OkStatus();
  return Add(other, row, number, /*optional=*/true);
}

absl::Status ExpectedEvents::TakeReplayed(const std::vector<DeadRows::Replayed>& replayed,
                                          uint32_t number, bool all_optional) {
  for (const DeadRows::Replayed& one : replayed) {
    ++rows_replayed_;
    for (const EventIdentity& event : one.events) {
      RETURN_IF_ERROR(Add(event, one.row, number, all_optional));
    }
  }
  return absl::OkStatus();
}

absl::Status ExpectedEvents::Add(const EventIdentity& event, uint64_t row, uint32_t number,
                                 bool optional) {
  names_.insert(event.event);
  return spill_.Add(
      event.day(),
      {.id = event.fingerprint(), .row = row, .object = number, .optional = optional ? 1u : 0u});
}

}  // namespace millrace
