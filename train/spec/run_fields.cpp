// A training run's settings: each is one row, with its bounds, what another value does to a run that goes on
// (on_resume), and whether a teacher's kept outputs depend on it (seen_by_teacher).
#include <algorithm>
#include <set>

#include "nn/optim/registry.h"
#include "train/spec/options.h"
#include "train/spec/words.h"

namespace fledge {
namespace {

void bind_data(Fields& f, RunSpec& o) {
  f.group("Data");
  f.add("train", o.data.train, "training pictures: folder with one folder a class, or fashion-mnist[:train|:test]");
  f.add("train-classes", o.data.train_classes, "only these classes, by rank of their sorted names: 0-4,7 (empty: all)");
  f.add("test", o.data.test, "test pictures (classes not trained on), evaluated at the end; empty: none");
  f.add("test-classes", o.data.test_classes, "only these classes of the test pictures");
  f.add("batch-size", o.data.batch_size, "pictures a step, P x K").between(1, 65536);
  f.add("images-per-class", o.data.images_per_class, "K: pictures of each class in a batch").between(1, 65536);
  f.add("batches-per-epoch", o.data.batches_per_epoch, "steps an epoch; 0: pictures / batch size").at_least_zero();
  f.add("size", o.views.size, "side of the crop in pixels").between(8, 4096).for_teacher();
  add_word(f, "augment", o.views.augment, "modern (one random resized crop), paper (2018: resize 256, crop) or rkd")
      .for_teacher();
  f.add("resize-short", o.views.resize_short, "short side before the random crop; 0: none")
      .between(0, 8192)
      .for_teacher();
  f.add("test-resize-short", o.views.test_resize_short, "short side before the centre crop of test pictures; 0: none")
      .between(0, 8192);
  f.add("random-crop", o.views.random_crop, "random resized crop; false: centre crop").for_teacher();
  f.add("fast-decode", o.views.fast_decode,
        "--augment modern: large JPEGs are decoded to 1/2, 1/4 or 1/8 of their size where the crop stays at least "
        "--size; faster, other pixels; test pictures are not")
      .before_it_was("false")
      .for_teacher();
  f.add("area-low", o.views.area_low, "smallest share of the picture that a random crop takes")
      .between(0.001, 1.0)
      .for_teacher();
  f.add("flip", o.views.flip, "probability of a horizontal flip").between(0.0, 1.0).for_teacher();
  f.add("pad-shift", o.views.pad_shift, "small pictures: shift by up to this many pixels").between(0, 64).for_teacher();
  f.add("normalize", o.views.normalize,
        "imagenet, keras, half, or auto (keras for keras conventions, half for torch-relu6, else imagenet)");
  f.add("workers", o.data.workers, "decoding threads; 0: none of their own").between(0, 256).free();
  f.add("cache-mb", o.data.cache_mb, "memory for decoded pictures, MiB; 0: decode every time")
      .between(0, 1 << 20)
      .free();
  f.add("crops", o.views.crops,
        "different random crops of a picture, which take turns; 0: a new one at every use. What a teacher says of a "
        "crop "
        "can be kept (--teacher-cache)")
      .at_least_zero();
  add_choice(
      f, "small-classes", o.data.small_classes,
      "classes with fewer than K pictures: repeat (their pictures are drawn more than once) or shrink (only what they "
      "have, the batch is smaller)");
  f.add("super-classes", o.data.super_classes,
        "take the classes of a batch from so many super-classes (SOP); 0: from all")
      .at_least_zero();
  add_choice(f, "on-bad-image", o.data.on_bad_image,
             "fail, or skip (in training an image of the same class stands in, in tests it is left out)");
  f.add("max-bad-fraction", o.data.max_bad_fraction,
        "skip: more unreadable training pictures than this share of an epoch's are an error")
      .between(0.0, 1.0);
  bind_pictures(f, o.data.pictures);
}

void bind_settings(Fields& f, RunSpec& o, bool teacher) {
  f.group("Settings");
  add_choice(f, "boxes", o.views.boxes,
             "bounding boxes: none, both (pictures are cut to them), teacher (only what the teacher sees)")
      .for_teacher();
  f.add(
      "degrade", o.views.degrade,
      "the student sees poor pictures, in training and test: downsample=F,jpeg=Q,blur=S, any of them; the teacher sees "
      "them as they are");
  f.add("validation", o.data.validation,
        "share of the training classes that is held out; the checkpoint that does best on them is the run's result")
      .between(0.0, 0.9);
  f.add("validation-seed", o.data.validation_seed, "which classes that are; the same for every --seed").at_least_zero();
  add_choice(
      f, "select", o.policy.select,
      "which checkpoint is the result: auto (best on the validation classes when there are some, else the last), "
      "last, "
      "or test (best on the test pictures: an optimistic number, said so in the result)");
  f.add("patience", o.policy.patience, "stop after so many evaluations without a better one; 0: never").at_least_zero();
  if (!teacher) return;
  f.add("labelled", o.data.labeled, "semi-supervised: share of each class whose labels are used").between(0.0, 1.0);
  f.add("unlabelled", o.data.unlabeled,
        "semi-supervised: a folder of further pictures, whose labels are not looked at");
  f.add("unlabelled-per-batch", o.data.unlabeled_per_batch,
        "of the batch so many pictures without labels, which only the teacher's losses see; 0: half, if there are any")
      .at_least_zero();
}

void bind_loss(Fields& f, RunSpec& o, bool teacher) {
  std::string names, teacher_names;
  for (const auto& [name, entry] : loss_registry()) {
    std::string& list = entry.kind == LossKind::Metric ? names : teacher_names;
    list += (list.empty() ? "" : ", ") + name;
  }
  f.group("Loss");
  f.add("loss", o.loss.loss, names + ", or none");
  f.add("loss-weight", o.loss.weight, "factor of --loss in the total").at_least_zero();
  if (teacher) {
    f.add("teacher", o.loss.teacher, "run folder or model file of the teacher, or any PyTorch weight file");
    bind_external(f, o.loss.external_teacher, "teacher-", "Loss");
    add_word(f, "teacher-precision", o.loss.teacher_precision,
             "how a CPU multiplies inside the teacher: same (as --precision says), int16, int8 (in whole numbers; "
             "convolutions of ResNets, faster and less exact)")
        .before_it_was("same")
        .for_teacher();
    f.add("teacher-cache", o.loss.teacher_cache,
          "file that keeps the teacher's embedding of every crop; runs with the same pictures, crops and "
          "teacher share it")
        .free();
    f.add("distill", o.loss.distill,
          "teacher losses and their weights, e.g. relative=0.3 or absolute=1,relative=0.3; of " + teacher_names);
  }
  // Options that a loss declares in the registry become flags by themselves; losses share those of one name.
  std::set<std::string> there;
  for (const auto& [name, entry] : loss_registry()) {
    if (!teacher && entry.kind == LossKind::Teacher) continue;
    for (const auto& [option, value] : entry.options) {
      if (!there.insert(option).second) continue;
      f.add(option, o.loss.options.try_emplace(option, value).first->second, "option of loss " + name);
    }
  }
}

/// "sgd, adam": the optimisers of which that holds.
template <class Holds>
std::string optimizers(const Holds& holds) {
  std::string names;
  for (const OptimizerEntry& e : optimizer_registry())
    if (holds(e)) names += (names.empty() ? "" : ", ") + e.name;
  return names;
}

/// Those that read the setting.
std::string readers_of(const std::string& setting) {
  return optimizers([&](const OptimizerEntry& e) {
    return std::find(e.settings.begin(), e.settings.end(), setting) != e.settings.end();
  });
}

void bind_optimizer(Fields& f, RunSpec& o) {
  f.group("Optimiser");
  std::vector<std::string> names;
  for (const OptimizerEntry& e : optimizer_registry()) names.push_back(e.name);
  const std::string& last = names.back();
  const std::string others = optimizers([&](const OptimizerEntry& e) { return e.name != last; });
  const std::string decoupled = optimizers([](const OptimizerEntry& e) { return e.decoupled_decay; });
  f.add("optimizer", o.optim.rule.kind, others + " or " + last).one_of(names);
  f.add("lr", o.optim.rule.lr, "learning rate of the backbone").at_least_zero();
  f.add("head-lr-scale", o.optim.head_lr_scale, "times --lr for the embedding head").at_least_zero();
  f.add("proxy-lr-scale", o.optim.proxy_lr_scale, "times --lr for parameters of the loss (proxies, classifier)")
      .at_least_zero();
  f.add("regressor-lr-scale", o.optim.regressor_lr_scale,
        "times --lr for parameters of the teacher's losses (projections, hint regressors)")
      .at_least_zero();
  f.add("weight-decay", o.optim.rule.weight_decay, "L2 weight decay (" + decoupled + ": decoupled)");
  f.add("decay-norm", o.optim.decay_norm, "weight decay on batch norm and biases too");
  f.add("momentum", o.optim.rule.momentum, readers_of("momentum"));
  f.add("nesterov", o.optim.rule.nesterov, readers_of("nesterov"));
  f.add("beta1", o.optim.rule.beta1, readers_of("beta1"));
  f.add("beta2", o.optim.rule.beta2, readers_of("beta2"));
  add_choice(f, "adam-eps", o.optim.adam_eps, "modern or legacy (PyTorch 0.3)");
  f.add("clip-grad", o.optim.clip_grad, "largest global gradient norm; 0: no clipping").at_least_zero();
  add_choice(f, "schedule", o.optim.schedule.kind, "constant, cosine or step");
  f.add("warmup-epochs", o.optim.warmup_epochs, "linear warm-up").between(0.0, 1e6);
  f.add("milestones", o.optim.milestones, "step schedule: epochs, e.g. 10,15");
  f.add("gamma", o.optim.schedule.gamma, "step schedule: factor at each milestone");
  f.add("epochs", o.optim.epochs, "passes over the training pictures").between(1, 1000000);
  f.add("freeze-bn", o.optim.freeze_bn, "keep batch norm's running statistics while training");
}

void bind_run(Fields& f, RunSpec& o) {
  f.group("Run");
  f.add("run", o.policy.folder, "folder for config, log and checkpoints").free();
  f.add("seeds", o.policy.seeds,
        "several runs in one command, e.g. 0,1,2: RUN-0, RUN-1, ..., then their mean and spread; {seed} in --teacher "
        "and "
        "--teacher-cache is replaced")
      .free();
  add_choice(
      f, "resume", o.policy.resume,
      "auto: go on from the folder's newest sound checkpoint; anew: the same, and where none is sound begin at step "
      "1; never: refuse a folder that holds a run")
      .free();
  f.add("resume-allow-change", o.policy.resume_allow_change,
        "resume although options, pictures, labels or the teacher's weights are others (said in the log)")
      .free();
  f.add("seed", o.policy.seed, "initial weights, order and augmentation are functions of it")
      .at_least_zero()
      .for_teacher();
  f.add("save-every", o.policy.save_every, "steps between checkpoints; 0: at the end of each epoch")
      .at_least_zero()
      .free();
  f.add("keep", o.policy.keep, "checkpoints to keep").between(1, 1000000).free();
  add_choice(f, "on-nan", o.policy.on_nan,
             "at a loss or gradient that is NaN or infinite: stop; skip (the step is not applied, at most 3 in a row); "
             "rollback "
             "(back to the last checkpoint, then on behind that batch, at most 3 times a run)")
      .free();
  f.add("eval-every", o.policy.eval_every,
        "epochs between evaluations on validation and test pictures; 0: every epoch with --validation, else at the end")
      .at_least_zero()
      .free_unless_choosing();
  f.add("final-eval", o.policy.final_eval, "evaluate on the test pictures at the end").free();
  f.add("recall-at", o.policy.recall_at, "K of Recall@K").free_unless_choosing();
  add_choice(
      f, "step-graph", o.policy.step_graph,
      "on a GPU: auto records a step once and replays it where all losses allow that; off runs every operation anew")
      .free();
  add_choice(
      f, "checkpoint-activations", o.policy.checkpoint_activations,
      "what training does not keep for the way back but computes again, with the same bits: off (nothing), norms "
      "(outputs of batch norms that convolutions read), blocks (all but the inputs of the network's blocks: the "
      "least memory, the most time)")
      .free();
  f.add("test-queries", o.policy.test_queries, "so many queries drawn at random instead of all; 0: all")
      .at_least_zero()
      .free_unless_choosing();
}

}  // namespace

void bind_training(Fields& f, RunSpec& o, bool teacher) {
  bind_data(f, o);
  bind_settings(f, o, teacher);
  bind_model(f, o.model.network, o.model.weights);
  bind_external(f, o.model.external, "weights-", "Model", true);
  bind_loss(f, o, teacher);
  bind_optimizer(f, o);
  bind_run(f, o);
  bind_machine(f, o.machine);
}

}  // namespace fledge
