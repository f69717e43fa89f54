// The flags of a training run, in groups.
#include "apps/common/flag_values.h"
#include "apps/common/options.h"

namespace fledge {
namespace {

void bind_data(CLI::App& verb, TrainOptions& o) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->group("Data");
  };
  add("--train", o.train, "training pictures: folder with one folder a class, or fashion-mnist[:train|:test]");
  add("--train-classes", o.train_classes, "only these classes, by rank of their sorted names: 0-4,7 (empty: all)");
  add("--test", o.test, "test pictures (classes not trained on), evaluated at the end; empty: none");
  add("--test-classes", o.test_classes, "only these classes of the test pictures");
  add("--batch-size", o.batch_size, "pictures a step, P x K")->check(CLI::Range(1, 65536));
  add("--images-per-class", o.images_per_class, "K: pictures of each class in a batch")->check(CLI::Range(1, 65536));
  add("--batches-per-epoch", o.batches_per_epoch, "steps an epoch; 0: pictures / batch size")->check(at_least_zero());
  add("--size", o.size, "side of the crop in pixels")->check(CLI::Range(8, 4096));
  add("--augment", o.augment, "modern (one random resized crop), paper (2018: resize 256, crop) or rkd");
  add("--resize-short", o.resize_short, "short side before the random crop; 0: none")->check(CLI::Range(0, 8192));
  add("--test-resize-short", o.test_resize_short, "short side before the centre crop of test pictures; 0: none")
      ->check(CLI::Range(0, 8192));
  add("--random-crop", o.random_crop, "random resized crop; false: centre crop");
  add("--area-low", o.area_low, "smallest share of the picture that a random crop takes")
      ->check(CLI::Range(0.001, 1.0));
  add("--flip", o.flip, "probability of a horizontal flip")->check(CLI::Range(0.0, 1.0));
  add("--pad-shift", o.pad_shift, "small pictures: shift by up to this many pixels")->check(CLI::Range(0, 64));
  add("--normalize", o.normalize,
      "imagenet, keras, half, or auto (keras for keras conventions, half for torch-relu6, else imagenet)");
  add("--workers", o.workers, "decoding threads; 0: none of their own")->check(CLI::Range(0, 256));
  add("--cache-mb", o.cache_mb, "memory for decoded pictures, MiB; 0: decode every time")
      ->check(CLI::Range(0, 1 << 20));
  add("--crops", o.crops,
      "different random crops of a picture, which take turns; 0: a new one at every use. What a teacher says of a crop "
      "can be kept (--teacher-cache)")
      ->check(at_least_zero());
  add("--small-classes", o.small_classes,
      "classes with fewer than K pictures: repeat (their pictures are drawn more than once) or shrink (only what they "
      "have, the batch is smaller)")
      ->check(CLI::IsMember({"repeat", "shrink"}));
  add("--super-classes", o.super_classes, "take the classes of a batch from so many super-classes (SOP); 0: from all")
      ->check(at_least_zero());
  add("--on-bad-image", o.on_bad_image, "fail, or skip (in training an image of the same class stands in, in tests it is left out)")
      ->check(CLI::IsMember({"fail", "skip"}));
  add("--max-bad-fraction", o.max_bad_fraction, "skip: more unreadable training pictures than this share of an epoch's are an error")->check(CLI::Range(0.0, 1.0));
  bind_pictures(verb, o.pictures);
}

void bind_settings(CLI::App& verb, TrainOptions& o, bool teacher) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->group("Settings");
  };
  add("--boxes", o.boxes, "bounding boxes: none, both (pictures are cut to them), teacher (only what the teacher sees)")
      ->check(CLI::IsMember({"none", "both", "teacher"}));
  add("--degrade", o.degrade,
      "the student sees poor pictures, in training and test: downsample=F,jpeg=Q,blur=S, any of them; the teacher sees "
      "them as they are");
  add("--validation", o.validation,
      "share of the training classes that is held out; the checkpoint that does best on them is the run's result")
      ->check(CLI::Range(0.0, 0.9));
  add("--validation-seed", o.validation_seed, "which classes that are; the same for every --seed")
      ->check(at_least_zero());
  add("--select", o.select,
      "which checkpoint is the result: auto (best on the validation classes when there are some, else the last), last, "
      "or test (best on the test pictures: an optimistic number, said so in the result)")
      ->check(CLI::IsMember({"auto", "last", "test"}));
  add("--patience", o.patience, "stop after so many evaluations without a better one; 0: never")
      ->check(at_least_zero());
  if (!teacher) return;
  add("--labelled", o.labelled, "semi-supervised: share of each class whose labels are used")
      ->check(CLI::Range(0.0, 1.0));
  add("--unlabelled", o.unlabelled, "semi-supervised: a folder of further pictures, whose labels are not looked at");
  add("--unlabelled-per-batch", o.unlabelled_per_batch,
      "of the batch so many pictures without labels, which only the teacher's losses see; 0: half, if there are any")
      ->check(at_least_zero());
}

void bind_loss(CLI::App& verb, TrainOptions& o, bool teacher) {
  std::string names, teacher_names;
  for (const auto& [name, entry] : loss_registry()) {
    std::string& list = entry.kind == LossKind::Metric ? names : teacher_names;
    list += (list.empty() ? "" : ", ") + name;
  }
  verb.add_option("--loss", o.loss, names + ", or none")->group("Loss");
  verb.add_option("--loss-weight", o.loss_weight, "factor of --loss in the total")
      ->check(at_least_zero())
      ->group("Loss");
  if (teacher) {
    verb.add_option("--teacher", o.teacher, "run folder or model file of the teacher, or any PyTorch weight file")
        ->group("Loss");
    bind_foreign(verb, o.foreign_teacher, "teacher-", "Loss");
    verb.add_option("--teacher-cache", o.teacher_cache,
                    "file that keeps the teacher's embedding of every crop; runs with the same pictures, crops and "
                    "teacher share it")
        ->group("Loss");
    verb.add_option(
            "--distill", o.distill,
            "teacher losses and their weights, e.g. relative=0.3 or absolute=1,relative=0.3; of " + teacher_names)
        ->group("Loss");
  }
  // Options that a loss declares in the registry become flags by themselves.
  for (const auto& [name, entry] : loss_registry()) {
    if (!teacher && entry.kind == LossKind::Teacher) continue;
    for (const auto& [option, value] : entry.options) {
      if (verb.get_option_no_throw("--" + option)) continue;
      o.loss_options[option] = value;
      verb.add_option("--" + option, o.loss_options[option], "option of loss " + name)->group("Loss");
    }
  }
}

void bind_optimizer(CLI::App& verb, TrainOptions& o) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->group("Optimiser");
  };
  add("--optimizer", o.optimizer.kind, "sgd, adam or adamw")->check(CLI::IsMember({"sgd", "adam", "adamw"}));
  add("--lr", o.optimizer.lr, "learning rate of the backbone")->check(at_least_zero());
  add("--head-lr-scale", o.head_lr_scale, "times --lr for the embedding head")->check(at_least_zero());
  add("--proxy-lr-scale", o.proxy_lr_scale, "times --lr for parameters of the loss (proxies, classifier)")
      ->check(at_least_zero());
  add("--regressor-lr-scale", o.regressor_lr_scale,
      "times --lr for parameters of the teacher's losses (projections, hint regressors)")
      ->check(at_least_zero());
  add("--weight-decay", o.optimizer.weight_decay, "L2 weight decay (adamw: decoupled)");
  add("--decay-norm", o.decay_norm, "weight decay on batch norm and biases too");
  add("--momentum", o.optimizer.momentum, "sgd");
  add("--nesterov", o.optimizer.nesterov, "sgd");
  add("--beta1", o.optimizer.beta1, "adam, adamw");
  add("--beta2", o.optimizer.beta2, "adam, adamw");
  add("--adam-eps", o.adam_eps, "modern or legacy (PyTorch 0.3)")->check(CLI::IsMember({"modern", "legacy"}));
  add("--clip-grad", o.clip_grad, "largest global gradient norm; 0: no clipping")->check(at_least_zero());
  add("--schedule", o.schedule.kind, "constant, cosine or step")->check(CLI::IsMember({"constant", "cosine", "step"}));
  add("--warmup-epochs", o.warmup_epochs, "linear warm-up")->check(CLI::Range(0.0, 1e6));
  add("--milestones", o.milestones, "step schedule: epochs, e.g. 10,15");
  add("--gamma", o.schedule.gamma, "step schedule: factor at each milestone");
  add("--epochs", o.epochs, "passes over the training pictures")->check(CLI::Range(1, 1000000));
  add("--freeze-bn", o.freeze_bn, "keep batch norm's running statistics while training");
}

void bind_run(CLI::App& verb, TrainOptions& o) {
  auto add = [&](const char* name, auto& value, const char* text) {
    return verb.add_option(name, value, text)->group("Run");
  };
  add("--run", o.run, "folder for config, log and checkpoints");
  add("--seeds", o.seeds,
      "several runs in one command, e.g. 0,1,2: RUN-0, RUN-1, ..., then their mean and spread; {seed} in --teacher and "
      "--teacher-cache is replaced");
  add("--resume", o.resume, "auto: go on from the folder's newest sound checkpoint; anew: the same, and where none is sound begin at step 1; never: refuse a folder that holds a run")
      ->check(CLI::IsMember({"auto", "anew", "never"}));
  add("--resume-allow-change", o.resume_allow_change,
      "resume although options, pictures, labels or the teacher's weights are others (said in the log)");
  add("--seed", o.seed, "initial weights, order and augmentation are functions of it")->check(at_least_zero());
  add("--save-every", o.save_every, "steps between checkpoints; 0: at the end of each epoch")->check(at_least_zero());
  add("--keep", o.keep, "checkpoints to keep")->check(CLI::Range(1, 1000000));
  add("--on-nan", o.on_nan,
      "at a loss or gradient that is NaN or infinite: stop; skip (the step is not applied, at most 3 in a row); rollback "
      "(back to the last checkpoint, then on behind that batch, at most 3 times a run)")
      ->check(CLI::IsMember({"stop", "skip", "rollback"}));
  add("--eval-every", o.eval_every,
      "epochs between evaluations on validation and test pictures; 0: every epoch with --validation, else at the end")
      ->check(at_least_zero());
  add("--final-eval", o.final_eval, "evaluate on the test pictures at the end");
  add("--recall-at", o.recall_at, "K of Recall@K");
  add("--step-graph", o.step_graph,
      "on a GPU: auto records a step once and replays it where all losses allow that; off runs every operation anew")
      ->check(CLI::IsMember({"auto", "off"}));
  add("--test-queries", o.test_queries, "so many queries drawn at random instead of all; 0: all")
      ->check(at_least_zero());
}

}  // namespace

void bind_training(CLI::App& verb, TrainOptions& o, bool teacher) {
  bind_data(verb, o);
  bind_settings(verb, o, teacher);
  bind_model(verb, o.model, o.weights);
  bind_foreign(verb, o.foreign_weights, "weights-", "Model", true);
  bind_loss(verb, o, teacher);
  bind_optimizer(verb, o);
  bind_run(verb, o);
  bind_machine(verb, o.machine);
}

}  // namespace fledge
