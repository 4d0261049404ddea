#include "staypoints/hive_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/status.h"
#include "formats/parquet_levels.h"

namespace millrace {
namespace {

constexpr size_t kPageStaypoints = 64 * 1024;
constexpr size_t kPageUsers = 64 * 1024;
constexpr size_t kPageIdBytes = 1 << 20;
constexpr uint64_t kGroupStaypoints = 1 << 20;
constexpr uint64_t kGroupUsers = 1 << 20;

// The leaves, in the order of the schema.
enum Leaf : size_t { kUserIdLeaf, kFirstStaypointLeaf, kP1Leaf = 5, kP2Leaf };

// Definition levels of the leaves below staypoints.
constexpr uint8_t kNullLevel = 1;
constexpr uint8_t kValueLevel = 2;

std::vector<ParquetField> Schema() {
  using Repetition = ParquetField::Repetition;
  using Type = ParquetField::Type;
  return {{"user_id", Repetition::kRequired, Type::kString},
          {"staypoints", Repetition::kRequired, Type::kList, 1},
          {"list", Repetition::kRepeated, Type::kGroup, 1},
          {"element", Repetition::kRequired, Type::kGroup, 4},
          {"enter_time", Repetition::kOptional, Type::kTimestampMicros},
          {"exit_time", Repetition::kOptional, Type::kTimestampMicros},
          {"lat", Repetition::kOptional, Type::kDouble},
          {"lng", Repetition::kOptional, Type::kDouble},
          {"p1", Repetition::kRequired, Type::kString},
          {"p2", Repetition::kRequired, Type::kString}};
}

}  // namespace

HiveEncoder::HiveEncoder(ScratchFile& scratch, size_t memory)
    : parquet_(Schema(), scratch, memory / 8) {}

void HiveEncoder::Begin(const StaypointBlock& block, ObjectWriter& to) {
  parquet_.Begin(to);
  p1_ = block.p1;
  p2_ = block.p2;
  group_users_ = group_staypoints_ = 0;
}

absl::Status HiveEncoder::Append(const StaypointBlock& block) {
  for (size_t user = 0; user < block.users.size(); ++user) {
    const bool begins = user > 0 || !block.continues_user;
    if (begins) RETURN_IF_ERROR(AddUser(block.user_id(user)));
    RETURN_IF_ERROR(AddStaypoints(block, block.begin(user), block.users[user].end, begins));
  }
  return absl::OkStatus();
}

absl::Status HiveEncoder::AddUser(std::string_view id) {
  if (group_staypoints_ >= kGroupStaypoints || group_users_ >= kGroupUsers) {
    RETURN_IF_ERROR(EndRowGroup());
  }
  if (page_users_ >= kPageUsers || ids_.size() >= kPageIdBytes) RETURN_IF_ERROR(EndUserPages());
  AppendParquetText(ids_, id);
  ++page_users_;
  ++group_users_;
  return absl::OkStatus();
}

absl::Status HiveEncoder::AddStaypoints(const StaypointBlock& block, size_t begin, size_t end,
                                        bool begins_user) {
  const auto null_time = [](int64_t time) { return time == kNullTime; };
  const auto null_coordinate = [](double value) { return std::isnan(value); };
  while (begin < end) {
    if (repeats_.size() == kPageStaypoints) RETURN_IF_ERROR(EndStaypointPages());
    const size_t count = std::min(end - begin, kPageStaypoints - repeats_.size());
    repeats_.resize(repeats_.size() + count, 1);
    if (begins_user) repeats_[repeats_.size() - count] = 0;
    begins_user = false;
    AddValues(columns_[0], absl::MakeSpan(block.enter).subspan(begin, count), null_time);
    AddValues(columns_[1], absl::MakeSpan(block.exit).subspan(begin, count), null_time);
    AddValues(columns_[2], absl::MakeSpan(block.lat).subspan(begin, count), null_coordinate);
    AddValues(columns_[3], absl::MakeSpan(block.lng).subspan(begin, count), null_coordinate);
    begin += count;
    group_staypoints_ += count;
  }
  return absl::OkStatus();
}

template <typename T, typename IsNull>
void HiveEncoder::AddValues(Column& column, absl::Span<const T> values, IsNull is_null) {
  static_assert(sizeof(T) == 8);
  size_t nulls = 0;
  for (const T value : values) nulls += is_null(value) ? 1 : 0;
  if (nulls == 0) {
    column.values.Append({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
    if (column.nulls > 0) column.present.resize(repeats_.size(), kValueLevel);
    return;
  }
  if (column.nulls == 0) column.present.assign(repeats_.size() - values.size(), kValueLevel);
  column.nulls += nulls;
  for (const T value : values) {
    column.present.push_back(is_null(value) ? kNullLevel : kValueLevel);
    if (!is_null(value)) {
      column.values.Append({reinterpret_cast<const char*>(&value), sizeof(value)});
    }
  }
}

absl::Status HiveEncoder::EndStaypointPages() {
  if (repeats_.empty()) return absl::OkStatus();
  levels_.clear();
  AppendPackedLevels<1>(levels_, repeats_);
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    body_.clear();
    body_.Append(levels_.view());
    if (column.nulls == 0) {
      AppendEqualLevels(body_, repeats_.size(), kValueLevel);
    } else {
      AppendPackedLevels<2>(body_, column.present);
    }
    body_.Append(column.values.view());
    RETURN_IF_ERROR(parquet_.AddPage(kFirstStaypointLeaf + i,
                                     static_cast<uint32_t>(repeats_.size()), body_.view()));
    column.values.clear();
    column.present.clear();
    column.nulls = 0;
  }
  repeats_.clear();
  return absl::OkStatus();
}

absl::Status HiveEncoder::EndUserPages() {
  if (page_users_ == 0) return absl::OkStatus();
  RETURN_IF_ERROR(parquet_.AddPage(kUserIdLeaf, page_users_, ids_.view()));
  ids_.clear();
  for (const auto& [leaf, text] : {std::pair(kP1Leaf, &p1_), std::pair(kP2Leaf, &p2_)}) {
    body_.clear();
    for (uint32_t i = 0; i < page_users_; ++i) AppendParquetText(body_, *text);
    RETURN_IF_ERROR(parquet_.AddPage(leaf, page_users_, body_.view()));
  }
  page_users_ = 0;
  return absl::OkStatus();
}

absl::Status HiveEncoder::EndRowGroup() {
  RETURN_IF_ERROR(EndStaypointPages());
  RETURN_IF_ERROR(EndUserPages());
  RETURN_IF_ERROR(parquet_.EndRowGroup(group_users_));
  group_users_ = group_staypoints_ = 0;
  return absl::OkStatus();
}

absl::Status HiveEncoder::Finish() {
  RETURN_IF_ERROR(EndRowGroup());
  return parquet_.Finish().status();
}

}  // namespace millrace
