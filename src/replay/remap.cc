#include "replay/remap.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "io/object_store.h"

namespace millrace {
namespace {

// Bytes in memory as an object that can be read.
class TextObject : public ObjectReader {
 public:
  explicit TextObject(std::string text) : text_(std::move(text)) {
    info_ = {"dead letters", text_.size(), ""};
  }
  const ObjectInfo& info() const override { return info_; }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) override {
    const size_t size = std::min(to.size(), text_.size() - std::min(offset, text_.size()));
    std::memcpy(to.data(), text_.data() + offset, size);
    return size;
  }
  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  const std::string text_;
  ObjectInfo info_;
};

// Maps the rows of a text that contains one line for each of some stored rows.
class RemapVisitor : public RowVisitor {
 public:
  // A stored row that has a line.
  struct Line {
    size_t index = 0;  // of `rows`
    RowMapper* mapper = nullptr;
  };

  RemapVisitor(absl::Span<const KeptRow> rows, const std::vector<Line>& lines, Batch& out,
               std::vector<Remapped>& results)
      : rows_(rows), lines_(lines), out_(out), results_(results) {}

  void OnRow(const Row& row) override {
    const Line& line = lines_[row.number];
    const KeptRow& kept = rows_[line.index];
    Row original = row;
    original.number = kept.number;
    const size_t before = out_.rows();
    line.mapper->BeginObject(kept.object, kept.version);
    Remapped& result = results_[line.index];
    result.outcome = line.mapper->Map(original, out_, result.why);
    std::fill(out_.source_rows.begin() + static_cast<ptrdiff_t>(before), out_.source_rows.end(),
              line.index);
  }

  void OnBadRow(uint64_t number, const absl::Status& why, std::string_view) override {
    results_[lines_[number].index].why = {.code = "unreadable_row",
                                          .message = std::string(ToStd(why.message()))};
  }

 private:
  const absl::Span<const KeptRow> rows_;
  const std::vector<Line>& lines_;
  Batch& out_;
  std::vector<Remapped>& results_;
};

bool LooksLikeObject(std::string_view json) {
  return json.starts_with('{') && json.find('\n') == std::string_view::npos;
}

}  // namespace

absl::StatusOr<std::vector<Remapped>> Remapper::Map(absl::Span<const KeptRow> rows, Batch& out) {
  std::vector<Remapped> results(rows.size());
  std::vector<RemapVisitor::Line> lines;
  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!LooksLikeObject(rows[i].json)) {
      results[i].why = {.code = "unreadable_row",
                        .message =
                            "the row could not be read when it was stored; fix the source "
                            "file and import it again"};
      continue;
    }
    ASSIGN_OR_RETURN(RowMapper * mapper, MapperFor(rows[i].config));
    lines.push_back({i, mapper});
    StrAppend(&text, rows[i].json, "\n");
  }
  if (lines.empty()) return results;
  ASSIGN_OR_RETURN(const std::unique_ptr<RowReader> reader,
                   OpenRows(std::make_shared<TextObject>(std::move(text)),
                            {.type = FileType::kNdjson, .split_lines = false}));
  RemapVisitor visitor(rows, lines, out, results);
  while (true) {
    ASSIGN_OR_RETURN(const std::unique_ptr<RowChunk> chunk, reader->Read(ChunkLimits()));
    if (chunk == nullptr) return results;
    chunk->ForEachRow(scratch_, visitor);
  }
}

absl::StatusOr<RowMapper*> Remapper::MapperFor(const std::shared_ptr<const SourceConfig>& config) {
  std::unique_ptr<RowMapper>& mapper = mappers_[config.get()];
  if (mapper == nullptr) {
    ASSIGN_OR_RETURN(mapper, RowMapper::Make(config, now_, rules_));
  }
  return mapper.get();
}

}  // namespace millrace
