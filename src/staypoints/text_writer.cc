#include "staypoints/text_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "staypoints/range_relay.h"
#include "staypoints/text_encoder.h"

namespace millrace {
namespace {

constexpr size_t kMinBuffer = 1 << 20;
constexpr size_t kMaxBuffer = 16 << 20;

class TextWriter : public StaypointWriter {
 public:
  TextWriter(TextStyle style, size_t buffer_bytes, size_t ranges,
             std::unique_ptr<ObjectWriter> file)
      : style_(style),
        buffer_bytes_(buffer_bytes),
        relay_(ranges),
        states_(ranges),
        file_(std::move(file)) {}

  absl::Status Write(size_t range, const StaypointBlock& block) override {
    State& state = StateOf(range);
    state.encoder.Append(block, state.text);
    return state.text.size() < buffer_bytes_ ? absl::OkStatus() : Flush(range);
  }

  absl::Status EndRange(size_t range) override {
    State& state = StateOf(range);
    state.encoder.EndLine(state.text);
    RETURN_IF_ERROR(Flush(range));
    states_[range].reset();
    relay_.Pass(range, Turn());
    return absl::OkStatus();
  }

  absl::Status Finish() override { return file_->Finish(); }
  uint64_t files() const override { return 1; }
  void Cancel() override { relay_.Cancel(); }

 private:
  struct Turn {};  // to write
  struct State {
    explicit State(TextStyle style) : encoder(style) {}
    TextEncoder encoder;
    ByteBuffer text;
    bool has_turn = false;
  };

  State& StateOf(size_t range) {
    if (states_[range] == nullptr) states_[range] = std::make_unique<State>(style_);
    return *states_[range];
  }

  absl::Status Flush(size_t range) {
    State& state = *states_[range];
    if (range > 0 && !state.has_turn) RETURN_IF_ERROR(relay_.Receive(range).status());
    state.has_turn = true;
    if (state.text.size() > 0) RETURN_IF_ERROR(file_->Append(state.text.view()));
    state.text.clear();
    return absl::OkStatus();
  }

  const TextStyle style_;
  const size_t buffer_bytes_;
  RangeRelay<Turn> relay_;
  std::vector<std::unique_ptr<State>> states_;
  const std::unique_ptr<ObjectWriter> file_;  // used by whoever has the turn
};

}  // namespace

absl::StatusOr<std::unique_ptr<StaypointWriter>> NewTextWriter(
    const StaypointWriterOptions& options, const IdRanges& ranges, OutputTree& tree) {
  const bool json = options.format == StaypointFormat::kJson;
  const TextStyle style = json ? TextStyle::kJson : TextStyle::kCsv;
  ASSIGN_OR_RETURN(auto file, tree.Create(json ? "staypoints.json" : "staypoints.csv"));
  const std::string_view header = TextHeader(style);
  if (!header.empty()) RETURN_IF_ERROR(file->Append(header));
  const size_t buffer_bytes = std::clamp(options.memory / options.workers, kMinBuffer, kMaxBuffer);
  return std::make_unique<TextWriter>(style, buffer_bytes, ranges.count(), std::move(file));
}

}  // namespace millrace
