#include "generate/event_model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>

#include "generate/random.h"

namespace millrace {
namespace {

template <typename T>
struct Weighted {
  T value;
  uint32_t weight;
};

struct Place {
  std::string_view country;
  std::string_view city;
};

struct EventKind {
  std::string_view name;
  std::string_view path;  // of the page, before the item's number
  int amount_percent;     // how often there is an amount
};

constexpr Weighted<EventKind> kEvents[] = {
    {{"page_view", "/products/", 10}, 380},  {{"session_start", "/", 0}, 120},
    {{"search", "/search?q=item-", 0}, 110}, {{"add_to_cart", "/products/", 100}, 85},
    {{"video_play", "/watch/", 0}, 80},      {{"level_complete", "/levels/", 60}, 70},
    {{"purchase", "/checkout/", 100}, 48},   {{"sign_up", "/join?campaign=", 0}, 35},
    {{"share", "/products/", 0}, 30},        {{"review", "/reviews/", 0}, 22},
    {{"subscription", "/plans/", 100}, 14},  {{"refund", "/orders/", 100}, 6},
};

constexpr Weighted<Place> kPlaces[] = {
    {{"US", "New York"}, 90},     {{"US", "Los Angeles"}, 60},  {{"US", "Chicago"}, 40},
    {{"US", "Houston"}, 30},      {{"US", "Coeur d'Alene"}, 4}, {{"GB", "London"}, 55},
    {{"GB", "Manchester"}, 18},   {{"DE", "Berlin"}, 34},       {{"DE", "München"}, 22},
    {{"DE", "Köln"}, 12},         {{"FR", "Paris"}, 38},        {{"FR", "Saint-Étienne"}, 6},
    {{"ES", "Málaga"}, 12},       {{"IT", "Roma"}, 20},         {{"PT", "Vila Nova de Gaia"}, 5},
    {{"BR", "São Paulo"}, 52},    {{"BR", "Brasília"}, 16},     {{"MX", "Ciudad de México"}, 34},
    {{"JP", "東京"}, 48},         {{"JP", "大阪市"}, 20},       {{"KR", "서울"}, 30},
    {{"CN", "上海"}, 36},         {{"CN", "北京"}, 28},         {{"TW", "臺北"}, 10},
    {{"IN", "मुंबई"}, 44},          {{"IN", "Bengaluru"}, 40},    {{"IN", "சென்னை"}, 16},
    {{"RU", "Москва"}, 24},       {{"UA", "Київ"}, 14},         {{"GR", "Αθήνα"}, 10},
    {{"EG", "القاهرة"}, 22},      {{"SA", "الرياض"}, 14},       {{"IL", "תל אביב"}, 10},
    {{"TH", "กรุงเทพมหานคร"}, 16}, {{"GE", "თბილისი"}, 4},       {{"TR", "İstanbul"}, 24},
    {{"PL", "Łódź"}, 10},         {{"VN", "Hà Nội"}, 14},       {{"NG", "Lagos"}, 20},
    {{"ZA", "Cape Town"}, 10},    {{"AU", "Sydney"}, 22},       {{"IS", "Reykjavík"}, 2},
};

constexpr Weighted<std::string_view> kSystems[] = {
    {"Android 15", 30}, {"iOS 18.1", 28}, {"Windows 11", 18}, {"macOS 15", 12},
    {"Android 13", 10}, {"iOS 17.6", 8},  {"Linux", 3},
};

constexpr Weighted<std::string_view> kVersions[] = {
    {"7.4.1", 40}, {"7.4.0", 22}, {"7.3.2", 14},       {"7.3.0", 8},
    {"7.0.10", 5}, {"6.12.0", 3}, {"6.2.0-beta.3", 1},
};

constexpr std::string_view kCampaigns[] = {
    "", "?ref=newsletter", "?ref=home", "?utm_source=search&utm_medium=cpc", "?ref=app-banner", "",
};

constexpr std::string_view kPhrases[] = {
    "works as described",
    "\"exactly\" what I wanted",
    "arrived two days late,\nbut in one piece",
    "5/5 \U0001F600\U0001F44D",
    "größer als erwartet",
    "とても良い商品です",
    "path C:\\games\\save\\slot1",
    "tabs\tand, commas; \"both\"",
    "would buy again",
    "не работает после обновления",
    "price dropped <b>the next day</b> & no refund",
    "\U0001F468\u200D\U0001F469\u200D\U0001F467 family plan",
    "it's fine",
    "¿dónde está mi pedido?",
};

// The cumulative weights of a table, so that a draw is one search.
template <typename T, size_t n>
constexpr std::array<uint32_t, n> Cumulative(const Weighted<T> (&table)[n]) {
  std::array<uint32_t, n> sums{};
  uint32_t sum = 0;
  for (size_t i = 0; i < n; ++i) sums[i] = sum += table[i].weight;
  return sums;
}

constexpr auto kEventSums = Cumulative(kEvents);
constexpr auto kPlaceSums = Cumulative(kPlaces);
constexpr auto kSystemSums = Cumulative(kSystems);
constexpr auto kVersionSums = Cumulative(kVersions);

template <typename T, size_t n>
const T& Pick(const Weighted<T> (&table)[n], const std::array<uint32_t, n>& sums, Random& random) {
  const uint64_t draw = random.Below(sums.back());
  return table[std::upper_bound(sums.begin(), sums.end(), draw) - sums.begin()].value;
}

void MakeComment(Random& random, std::string& out) {
  out.clear();
  for (uint64_t phrases = 1 + random.Below(3); phrases > 0; --phrases) {
    if (!out.empty()) out += ". ";
    out += kPhrases[random.Below(std::size(kPhrases))];
  }
  if (random.Percent(50)) {
    out += " #";
    AppendNumber(out, random.Skewed(2, 20));
  }
}

// Properties of the user, not of the event.
void MakeUser(uint64_t seed, uint64_t user, GeneratedEvent& event) {
  Random random(Mix(seed, user));
  event.user_id = "user-";
  AppendNumber(event.user_id, 10'000'000 + user * 37);
  const Place& place = Pick(kPlaces, kPlaceSums, random);
  event.country = place.country;
  event.city = place.city;
  event.is_new = random.Percent(12);
}

void MakeDevice(uint64_t device, GeneratedEvent& event) {
  Random random(device);
  MakeUuid(random, event.device_id);
  event.os = Pick(kSystems, kSystemSums, random);
  event.app_version = Pick(kVersions, kVersionSums, random);
}

}  // namespace

EventModel::EventModel(uint64_t seed, uint64_t rows, int64_t begin_us, int64_t end_us)
    : seed_(Mix(seed, 0x6576656e7473)),
      rows_(rows),
      begin_us_(begin_us),
      end_us_(end_us),
      user_bits_(std::clamp(static_cast<int>(std::bit_width(rows / 4)), 6, 28)) {}

void EventModel::Make(uint64_t row, GeneratedEvent& event) const {
  constexpr int64_t kSession = 30 * 60 * int64_t{1'000'000};
  constexpr int64_t kLate = 90 * int64_t{1'000'000};
  Random random(Mix(seed_, row ^ 0x5d00000000000000));
  const EventKind& kind = Pick(kEvents, kEventSums, random);
  event.event_name = kind.name;

  const auto span = static_cast<unsigned __int128>(end_us_ - begin_us_);
  const int64_t due = begin_us_ + static_cast<int64_t>(span * row / rows_);
  event.business_ts = std::max(begin_us_, due - static_cast<int64_t>(random.Below(kLate)));

  const uint64_t user = random.Skewed(6, user_bits_);
  MakeUser(seed_, user, event);
  MakeDevice(Mix(user, seed_ + random.Skewed(0, 1)), event);
  MakeUuid(random, event.insert_id);
  event.session_id =
      static_cast<int64_t>(1'000'000'000'000'000'000 +
                           Mix(seed_ ^ user, static_cast<uint64_t>(event.business_ts / kSession)) %
                               8'000'000'000'000'000'000);

  event.page_url = "https://shop.example.com";
  event.page_url += kind.path;
  if (kind.path.size() > 1) AppendNumber(event.page_url, 1000 + random.Skewed(6, 16));
  if (kind.path.find('?') == kind.path.npos) {
    event.page_url += kCampaigns[random.Below(std::size(kCampaigns))];
  }

  event.amount.reset();
  if (random.Percent(static_cast<uint64_t>(kind.amount_percent))) {
    const double cents = static_cast<double>(99 + random.Skewed(8, 15));
    event.amount = (kind.name == "refund" ? -cents : cents) / 100;
  }
  event.comment.reset();
  if (random.Percent(30)) {
    MakeComment(random, event.comment_text);
    event.comment = event.comment_text;
  }
}

}  // namespace millrace
