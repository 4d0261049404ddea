// Staypoints of one output partition as a Parquet file:
//
//   required string user_id
//   required group staypoints (LIST)
//     repeated group list
//       required group element
//         optional timestamp(micros, no zone) enter_time, exit_time
//         optional double lat, lng
//   required string p1, p2
//
// One row per user. Values are PLAIN and zstd-compressed, without dictionaries and statistics,
// which cost more than they save for coordinates and times. BYTE_STREAM_SPLIT would be a tenth
// smaller, but BigQuery does not read it.
#ifndef MILLRACE_STAYPOINTS_HIVE_ENCODER_H_
#define MILLRACE_STAYPOINTS_HIVE_ENCODER_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "formats/parquet_writer.h"
#include "staypoints/staypoint_block.h"

namespace millrace {

// One thread at a time; its memory is reused from file to file. Where pages and row groups end
// depends on the staypoints only, not on how they are divided into blocks.
class HiveEncoder {
 public:
  // Holds about `memory` bytes at most; `scratch` must outlive it.
  HiveEncoder(ScratchFile& scratch, size_t memory);

  // Begins the file of the partition of `block`; `to` must stay valid until Finish().
  void Begin(const StaypointBlock& block, ObjectWriter& to);
  absl::Status Append(const StaypointBlock& block);
  absl::Status Finish();

 private:
  // A leaf below staypoints: the values of the current page.
  struct Column {
    ByteBuffer values;
    std::vector<uint8_t> present;  // one each, if there are nulls
    size_t nulls = 0;
  };

  absl::Status AddUser(std::string_view id);
  absl::Status AddStaypoints(const StaypointBlock& block, size_t begin, size_t end,
                             bool begins_user);
  template <typename T, typename IsNull>
  void AddValues(Column& column, absl::Span<const T> values, IsNull is_null);
  absl::Status EndStaypointPages();
  absl::Status EndUserPages();
  absl::Status EndRowGroup();

  ParquetWriter parquet_;
  std::string p1_;
  std::string p2_;
  ByteBuffer ids_;  // PLAIN, of the current page
  uint32_t page_users_ = 0;
  std::vector<uint8_t> repeats_;  // 1 for each staypoint of the page except the first of a user
  std::array<Column, 4> columns_;
  ByteBuffer levels_;
  ByteBuffer body_;
  uint64_t group_users_ = 0;
  uint64_t group_staypoints_ = 0;
};

}  // namespace millrace

#endif  // MILLRACE_STAYPOINTS_HIVE_ENCODER_H_
