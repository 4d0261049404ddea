// The contract of every Sink, kept by the one into Mixpanel: events and profiles, both ways of
// telling of bad records, without a network and over a real socket.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connectors/mixpanel/mixpanel_sink.h"
#include "connectors/mixpanel/testing/fake_mixpanel.h"
#include "pipeline/testing/sink_contract.h"

namespace millrace {
namespace {

using mixpanel::FakeMixpanel;
using mixpanel::ImportTarget;

template <RecordType kType, FakeMixpanel::Style kStyle, bool kOverSocket>
class MixpanelFixture final : public SinkFixture {
 public:
  MixpanelFixture() {
    if (kOverSocket) server_.emplace(mixpanel_.NewScript());
    target_.endpoints =
        *mixpanel::Endpoints::ForUrl(kOverSocket ? server_->url() : "https://mixpanel.example");
    target_.credentials.token = "token";
    target_.traffic = &traffic_;
    target_.type = kType;
    mixpanel_.set_style(kStyle);
  }

  std::unique_ptr<Sink> NewSink() override {
    return mixpanel::NewMixpanelSink(target_,
                                     kOverSocket ? NewCurlHttpClient() : mixpanel_.NewClient());
  }
  std::string GoodRow(int n) override { return StrCat("{\"n\":", n, "}"); }
  std::string BadRow(int n) override { return StrCat("{\"bad\":", n, "}"); }
  int Arrived(int n) override { return mixpanel_.stored(GoodRow(n)) > 0 ? 1 : 0; }
  bool FailNextWrite(bool with_effect) override {
    mixpanel_.AnswerNext(absl::UnavailableError("the answer was lost"), with_effect);
    return true;
  }
  void RefuseAll(const std::string& reason) override { mixpanel_.RefuseAll(reason); }

 private:
  FakeMixpanel mixpanel_;
  std::optional<ScriptedServer> server_;
  Traffic traffic_;
  ImportTarget target_;
};

template <RecordType kType, FakeMixpanel::Style kStyle, bool kOverSocket>
std::unique_ptr<SinkFixture> Make() {
  return std::make_unique<MixpanelFixture<kType, kStyle, kOverSocket>>();
}

using Style = FakeMixpanel::Style;
INSTANTIATE_TEST_SUITE_P(Events, SinkContract,
                         testing::Values(Make<RecordType::kEvent, Style::kIndexed, false>,
                                         Make<RecordType::kEvent, Style::kUnnamed, false>,
                                         Make<RecordType::kEvent, Style::kDollarId, true>));
INSTANTIATE_TEST_SUITE_P(Profiles, SinkContract,
                         testing::Values(Make<RecordType::kUser, Style::kIndexed, false>,
                                         Make<RecordType::kGroup, Style::kUnnamed, false>,
                                         Make<RecordType::kUser, Style::kUnnamed, true>));

}  // namespace
}  // namespace millrace
