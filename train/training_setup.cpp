#include "train/training_setup.h"

#include <cmath>
#include <sstream>
#include <tuple>

#include "base/error.h"
#include "data/identity/overlap.h"
#include "data/identity/similar_names.h"
#include "data/views/boxes.h"
#include "nn/layers/norm.h"
#include "nn/optim/registry.h"
#include "nn/state_dict.h"
#include "train/run/run_identity.h"
#include "train/training_overlap.h"
#include "train/training_teacher.h"

namespace fledge {
namespace {

constexpr const char* kLossPrefix = "loss.";

// Only the options that a loss declares are handed to it.
std::shared_ptr<Loss> build_loss(const std::string& name, const LossOptions& all, const LossSetup& setup) {
  LossOptions own;
  const auto entry = loss_registry().find(name);
  if (entry != loss_registry().end())
    for (const auto& [option, value] : entry->second.options)
      if (all.count(option)) own[option] = all.at(option);
  return make_loss(name, own, setup);
}

// "absolute=1,relative=0.3" -> names and weights.
std::vector<std::pair<std::string, double>> parse_distill(const std::string& text) {
  std::vector<std::pair<std::string, double>> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) {
    const auto equals = part.find('=');
    double weight = 1;
    if (equals != std::string::npos) {
      char* end = nullptr;
      weight = std::strtod(part.c_str() + equals + 1, &end);
      if (end == part.c_str() + equals + 1 || *end || !std::isfinite(weight))
        throw Error(ErrorKind::Usage, "", "--distill: '" + part + "' has no number behind '='",
                    "write e.g. --distill relative=0.3");
      if (weight < 0)
        throw Error(ErrorKind::Usage, "", "--distill: '" + part + "' would drive the student away from the teacher",
                    "a weight is 0 or more");
    }
    const std::string name = part.substr(0, equals);
    for (const auto& [before, unused] : parts)
      if (before == name) throw Error(ErrorKind::Usage, "", "--distill: '" + name + "' is there twice", "say it once");
    parts.emplace_back(name, weight);
  }
  return parts;
}

/// Half of the batch, so that the rest is still whole classes.
std::int64_t default_unlabeled(const RunSpec& o) {
  const std::int64_t k = std::max<std::int64_t>(1, o.data.images_per_class);
  return o.data.batch_size - (o.data.batch_size / 2 + k - 1) / k * k;
}

/// Semi-supervised: hides labels, adds pictures without any. Returns how many of a batch have none.
std::int64_t take_labels(TrainingSetup& s, const RunSpec& o) {
  if (o.data.labeled >= 1 && o.data.unlabeled.empty()) {
    if (o.data.unlabeled_per_batch > 0)
      throw Error(ErrorKind::Usage, "", "--unlabelled-per-batch, but every picture has its label",
                  "say --labelled 0.1 or name further pictures with --unlabelled FOLDER");
    return 0;
  }
  if (o.data.labeled < 1) s.train = hide_labels(s.train, o.data.labeled, o.policy.seed);
  if (!o.data.unlabeled.empty()) s.train = append_unlabeled(s.train, open_dataset({o.data.unlabeled, ""}));
  std::int64_t labeled = 0;
  for (std::int64_t i = 0; i < s.train->size(); ++i) labeled += s.train->label(i) >= 0;
  s.notes.push_back("labels: of " + std::to_string(labeled) + " of " + std::to_string(s.train->size()) + " pictures");
  return o.data.unlabeled_per_batch > 0 ? o.data.unlabeled_per_batch : default_unlabeled(o);
}

void open_pictures(TrainingSetup& s, const RunSpec& o) {
  if (o.data.train.empty())
    throw Error(ErrorKind::Usage, "", "no training pictures", "name a folder with --train (one folder a class)");
  s.train = open_dataset({o.data.train, o.data.train_classes});
  s.notes.push_back("train: " + s.train->description());
  if (o.data.validation > 0) {
    std::tie(s.train, s.validation) = split_classes(s.train, o.data.validation, o.data.validation_seed);
    s.notes.push_back("validation: " + std::to_string(s.validation->size()) + " of these pictures, " +
                      std::to_string(s.validation->classes()) + " classes, not trained on");
  }
  if (!o.data.test.empty()) {
    s.test = open_dataset({o.data.test, o.data.test_classes});
    s.notes.push_back("test:  " + s.test->description());
  }
  for (const auto& [name, pictures] : {std::pair{"train", s.train}, {"test", s.test}})
    if (const std::string text = pictures ? similar_names(pictures->class_names()) : ""; !text.empty())
      s.notes.push_back("warning: " + std::string(name) + ": " + text);
  for (const auto& [name, pictures] :
       {std::pair{"train", s.train}, {"test", o.views.boxes == BoxUse::Both ? s.test : nullptr}})
    if (const std::string text = pictures && o.views.boxes != BoxUse::None ? missing_boxes(*pictures) : "";
        !text.empty())
      s.notes.push_back("warning: " + std::string(name) + ": " + text);
  if (o.policy.select == Selection::Test && !s.test)
    throw Error(ErrorKind::Usage, "", "--select test, but there is no --test");
  if (o.policy.patience > 0 && !s.validation && o.policy.select != Selection::Test)
    throw Error(ErrorKind::Usage, "", "--patience has nothing to watch", "hold classes out with --validation 0.2");
}

void open_data(TrainingSetup& s, const RunSpec& o) {
  open_pictures(s, o);
  PKSamplerOptions sampling;
  sampling.batch_size = o.data.batch_size;
  sampling.images_per_class = o.data.images_per_class;
  sampling.batches_per_epoch = o.data.batches_per_epoch;
  sampling.seed = o.policy.seed;
  sampling.unlabeled_per_batch = take_labels(s, o);
  sampling.repeat_small_classes = o.data.small_classes == SmallClasses::Repeat;
  sampling.super_classes_per_batch = o.data.super_classes;
  s.sampler.emplace(*s.train, sampling);
  for (const auto& w : s.sampler->warnings()) s.notes.push_back("warning: " + w);
  // What may be decoded smaller than it is must not depend on what is kept.
  if (o.data.cache_mb > 0)
    s.train = cache_images(s.train, o.data.cache_mb << 20, o.views.fast_decode ? 2 * o.views.size : 0);

  s.transform = train_preset(o.views.augment, o.views.size);
  if (o.views.resize_short > 0) s.transform.resize_short = o.views.resize_short;
  if (o.views.fast_decode && (s.transform.resize_short > 0 || !s.transform.random_crop || !o.views.random_crop))
    throw Error(ErrorKind::Usage, "", "--fast-decode is for random crops of the pictures as they are",
                "leave it out, or use --augment modern without --resize-short and with random crops");
  s.transform.fast_decode = o.views.fast_decode;
  if (o.views.augment == Augmentation::Modern) s.transform.area_low = o.views.area_low;
  s.transform.flip = o.views.flip;
  s.transform.pad_shift = o.views.pad_shift;
  s.transform.random_crop = o.views.random_crop;
  s.degradation = parse_degradation(o.views.degrade);
  s.boxes = o.views.boxes;
  s.preprocessing = {resolve_normalize(o.views.normalize, o.model.network), o.views.size, o.views.test_resize_short,
                     to_string(s.degradation), s.boxes == BoxUse::Both};
  if (const std::string text = s.test || s.validation ? small_crop(s.preprocessing) : ""; !text.empty())
    s.notes.push_back("warning: test pictures: " + text + " (--test-resize-short)");
  s.loading.size = o.views.size;
  s.loading.teacher_view = !o.loss.teacher.empty() && (s.degradation.any() || s.boxes == BoxUse::Teacher);
  s.loading.normalization = Normalization::named(s.preprocessing.normalize);
  s.loading.workers = o.data.workers;
  s.loading.on_bad_image = o.data.on_bad_image;
  s.loading.max_bad_fraction = o.data.max_bad_fraction;
}

void build_losses(TrainingSetup& s, const RunSpec& o, Device device, DType activations) {
  const auto distill = parse_distill(o.loss.distill);
  if (!distill.empty() && o.loss.teacher.empty())
    throw Error(ErrorKind::Usage, "", "--distill " + o.loss.distill + " needs a teacher",
                "name one with --teacher RUN_OR_FILE");
  if (!o.loss.teacher.empty() && distill.empty())
    throw Error(ErrorKind::Usage, "", "a teacher but nothing to learn from it",
                "say --distill relative=0.3 or absolute=1");
  if (o.loss.loss == "none" && distill.empty())
    throw Error(ErrorKind::Usage, "", "--loss none leaves nothing to train on");

  LossSetup setup;
  setup.classes = s.train->classes();
  setup.embedding = s.model->embedding_size();
  setup.student_stages = s.model->feature_map_channels();
  setup.seed = o.policy.seed;
  if (!distill.empty()) {
    open_teacher(s, o, device, activations);
    const EmbeddingModel& teacher = *s.teacher->loaded().model;
    setup.teacher_embedding = teacher.embedding_size();
    setup.teacher_stages = teacher.feature_map_channels();
  }
  if (o.loss.loss != "none") s.losses.push_back({build_loss(o.loss.loss, o.loss.options, setup), o.loss.weight});
  for (const auto& [name, weight] : distill) s.losses.push_back({build_loss(name, o.loss.options, setup), weight});
  for (const auto& l : s.losses) {
    const LossNeeds n = l.loss->needs();
    s.needs.labels |= n.labels;
    s.needs.teacher_embedding |= n.teacher_embedding;
    s.needs.student_stages |= n.student_stages;
    s.needs.teacher_stages |= n.teacher_stages;
  }
  if (!s.teacher && (s.needs.teacher_embedding || s.needs.teacher_stages))
    throw Error(ErrorKind::Usage, "", "--loss " + o.loss.loss + " needs a teacher",
                "use 'fledge distill' with --teacher RUN_OR_FILE and --distill " + o.loss.loss);
}

// Weight decay is left off for vectors (batch norm, biases) unless --decay-norm.
void add_groups(std::vector<ParameterGroup>& groups, const std::string& name,
                const std::vector<std::pair<std::string, Variable>>& parameters, double lr_scale, bool decay_vectors) {
  ParameterGroup matrices{name, {}, lr_scale, true}, vectors{name + "-vectors", {}, lr_scale, decay_vectors};
  for (const auto& p : parameters)
    (p.second.dims().rank() > 1 || decay_vectors ? matrices : vectors).parameters.push_back(p);
  if (!matrices.parameters.empty()) groups.push_back(std::move(matrices));
  if (!vectors.parameters.empty()) groups.push_back(std::move(vectors));
}

void build_optimizer(TrainingSetup& s, const RunSpec& o) {
  std::vector<std::pair<std::string, Variable>> backbone, head, proxies, regressors;
  for (auto& p : s.model->named_parameters()) (p.first.rfind("feat.", 0) == 0 ? head : backbone).push_back(p);
  for (const auto& l : s.losses) {
    auto& group = loss_registry().at(l.loss->name()).kind == LossKind::Teacher ? regressors : proxies;
    for (auto& p : l.loss->named_parameters(std::string(kLossPrefix) + l.loss->name() + ".")) group.push_back(p);
  }
  std::vector<ParameterGroup> groups;
  add_groups(groups, "backbone", backbone, 1.0, o.optim.decay_norm);
  add_groups(groups, "head", head, o.optim.head_lr_scale, o.optim.decay_norm);
  add_groups(groups, "loss", proxies, o.optim.proxy_lr_scale, o.optim.decay_norm);
  add_groups(groups, "regressors", regressors, o.optim.regressor_lr_scale, o.optim.decay_norm);
  OptimizerOptions options = o.optim.rule;
  options.legacy_eps = o.optim.adam_eps == AdamEps::Legacy;
  s.optimizer = make_optimizer(groups, options);

  const std::int64_t per_epoch = s.sampler->batches_per_epoch();
  s.schedule = o.optim.schedule;
  s.schedule.lr = o.optim.rule.lr;
  s.schedule.total_steps = o.optim.epochs * per_epoch;
  s.schedule.warmup_steps = static_cast<std::int64_t>(o.optim.warmup_epochs * static_cast<double>(per_epoch));
  if (!o.optim.milestones.empty())
    for (std::int64_t epoch : parse_counts(o.optim.milestones, "--milestones"))
      s.schedule.milestones.push_back(epoch * per_epoch);
}

/// What each picture is; and the ones that are measured although they were trained on.
void look_at_contents(TrainingSetup& s, int threads) {
  s.train_contents = std::make_unique<Contents>(s.train);
  s.train_stamps = stamps_of(*s.train);
  if (s.validation) s.validation_stamps = stamps_of(*s.validation);
  if (s.test) s.test_stamps = stamps_of(*s.test);
  const auto look = [&](const std::shared_ptr<Dataset>& set, std::unique_ptr<Contents>& contents, const char* name) {
    if (!set) return;
    contents = std::make_unique<Contents>(set);
    const Overlap overlap = find_overlap(*contents, *s.train_contents, threads);
    if (set == s.test) s.test_overlap = overlap.count;
    const std::string text = overlap_text(overlap, name);
    if (!text.empty()) s.overlaps.push_back(text + ": what is measured on them flatters");
  };
  look(s.validation, s.validation_contents, "validation");
  look(s.test, s.test_contents, "test");
}

/// What a student's beginning or its teacher was trained on reaches the student.
void look_at_ancestors(TrainingSetup& s, const RunSpec& o) {
  const auto look = [&](const std::string& who, const std::string& model, const char* name, Contents* contents) {
    if (model.empty() || !contents) return;
    const std::string text = overlap_text(training_overlap(model, *contents, o.data.workers), name, "training");
    if (!text.empty()) s.overlaps.push_back(who + " '" + model + "': " + text + ": what is measured on them flatters");
  };
  for (const auto& [name, contents] :
       {std::pair{"validation", s.validation_contents.get()}, {"test", s.test_contents.get()}}) {
    look("--weights", o.model.weights, name, contents);
    look("teacher", s.teacher ? o.loss.teacher : "", name, contents);
  }
}

}  // namespace

TrainingSetup set_up_training(const RunSpec& o, Device device, DType activations) {
  TrainingSetup s;
  open_data(s, o);
  look_at_contents(s, o.data.workers);
  s.model = std::make_shared<EmbeddingModel>(o.model.network, o.policy.seed);
  s.notes.push_back("model: " + o.model.network.describe());
  if (!o.model.weights.empty()) s.notes.push_back(load_backbone_weights(*s.model, o.model.weights, o.model.external));
  build_losses(s, o, device, activations);
  look_at_ancestors(s, o);
  open_teacher_cache(s, o);
  if (device != Device{}) {
    s.loading.pixels = true;
    s.loading.device = device;
    s.model->to(device);
    for (const auto& l : s.losses)
      if (l.loss->runs_on_device()) l.loss->to(device);
  }
  build_optimizer(s, o);
  s.model->train();
  s.model->checkpoint_activations(o.policy.checkpoint_activations);
  if (o.optim.freeze_bn)
    s.model->apply([](Module& m) {
      if (auto* norm = dynamic_cast<BatchNorm2d*>(&m)) norm->freeze_statistics(true);
    });
  return s;
}

namespace {

/// Files are written from the host's memory.
NamedTensors on_host(NamedTensors tensors) {
  for (auto& [name, tensor] : tensors) tensor = tensor.to(Device{});
  return tensors;
}

}  // namespace

void store(const TrainingSetup& s, Checkpoint& c) {
  c.model = on_host(state_dict(*s.model));
  c.model_metadata = model_metadata(s.model->spec(), s.preprocessing);
  c.optimizer = s.optimizer->state();
  for (const auto& l : s.losses)
    for (auto& [name, tensor] : on_host(state_dict(*l.loss)))
      c.optimizer.emplace_back(std::string(kLossPrefix) + l.loss->name() + "." + name, tensor);
}

void restore(TrainingSetup& s, const Checkpoint& c) {
  load_state_dict(*s.model, c.model);
  NamedTensors moments;
  for (const auto& entry : c.optimizer)
    if (entry.first.rfind(kLossPrefix, 0) != 0) moments.push_back(entry);
  for (const auto& l : s.losses) {
    const std::string prefix = std::string(kLossPrefix) + l.loss->name() + ".";
    NamedTensors own;
    for (const auto& [name, tensor] : c.optimizer)
      if (name.rfind(prefix, 0) == 0) own.emplace_back(name.substr(prefix.size()), tensor);
    load_state_dict(*l.loss, own);
  }
  s.optimizer->load_state(moments);
}

}  // namespace fledge
