// What a destination gets of the events of a log, in a form that can be compared.
#ifndef MILLRACE_SPOOL_TESTING_DELIVERED_EVENTS_H_
#define MILLRACE_SPOOL_TESTING_DELIVERED_EVENTS_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "formats/json_reader.h"
#include "mapping/json_object.h"
#include "spool/log_transform.h"

namespace millrace {

struct DeliveredEvent {
  uint64_t source_row = 0;
  std::string line;
  // Of the line: its cells, those of `properties` with "properties." before their names. Text is
  // without escapes, numbers have all their digits.
  std::map<std::string, std::string> cells;

  // The order of keys and the spelling of text do not count.
  friend bool operator==(const DeliveredEvent& a, const DeliveredEvent& b) {
    return a.source_row == b.source_row && a.cells == b.cells;
  }
};

struct DeliveredEvents {
  std::vector<DeliveredEvent> events;
  std::vector<std::string> rejected;  // codes
};

// A chunk of a LogSource with these lines, each with its '\n', as rows from `first_row` on.
inline Chunk LogChunk(std::string_view lines, bool are_mapped,
                      std::shared_ptr<const SourceConfig> config, uint64_t first_row = 0) {
  auto rows = std::make_unique<TextRows>();
  rows->first_row = first_row;
  for (size_t begin = 0; begin < lines.size();) {
    const size_t end = lines.find('\n', begin);
    rows->rows.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    begin = end + 1;
  }
  rows->text.Append(lines);
  Chunk chunk{
      .object = std::make_shared<LedgerEntry>(), .first_row = first_row, .rows = rows->rows.size()};
  rows->after = chunk.after = {.row = first_row + chunk.rows};
  auto payload = std::make_unique<LogPayload>();
  payload->config = std::move(config);
  if (are_mapped) payload->mapped = rows.get();
  payload->rows = NewJsonChunk(std::move(rows), std::make_shared<TextRowsPool>());
  chunk.payload = std::move(payload);
  return chunk;
}

inline void AddCells(std::string_view object, const std::string& prefix, DeliveredEvent* event) {
  JsonObjectParser parser;
  Row row;
  if (!parser.Parse(object, row).ok()) {
    event->cells[prefix] = "not an object";
    return;
  }
  for (size_t i = 0; i < row.values.size(); ++i) {
    const std::string name = prefix + row.shape->names[i];
    const Value& value = row.values[i];
    if (name == "properties") {
      AddCells(value.text, "properties.", event);
      continue;
    }
    ByteBuffer text;
    if (value.kind == Value::Kind::kJsonText) {
      text.Append("text ");
      AppendPlainText(text, value);
    } else {
      AppendJsonValue(text, value);
    }
    event->cells[name] = std::string(text.view());
  }
}

// Delivers such a chunk in pieces of about `max_bytes`.
inline DeliveredEvents Deliver(LogTransform& transform, Chunk chunk, size_t max_bytes = 1 << 20) {
  DeliveredEvents delivered;
  transform.Begin(chunk);
  for (bool is_last = false; !is_last;) {
    Transformed piece;
    is_last = transform.Next(max_bytes, piece);
    for (const Rejection& rejection : piece.rejections)
      delivered.rejected.push_back(rejection.code);
    for (size_t i = 0; i < piece.batch.rows(); ++i) {
      DeliveredEvent& event = delivered.events.emplace_back();
      event.source_row = piece.batch.source_rows[i];
      event.line = std::string(piece.batch.row(i));
      AddCells(event.line, "", &event);
    }
  }
  return delivered;
}

}  // namespace millrace

#endif  // MILLRACE_SPOOL_TESTING_DELIVERED_EVENTS_H_
