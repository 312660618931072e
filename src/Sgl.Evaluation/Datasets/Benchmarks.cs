using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>The benchmarks of the paper, in the public file formats of the InternVL evaluation, and the demo pair's own.</summary>
public static class Benchmarks
{
    private const string SingleWord = "Answer the question using a single word or phrase.";

    /// <summary>All of them. RefCOCO's names are those of its splits; the paper's columns look like the val splits.</summary>
    public static IReadOnlyList<Benchmark> All { get; } =
    [
        new("textvqa", Metric.Named("vqa_accuracy"), ["data/textvqa/textvqa_val.jsonl"], 10, QuestionReaders.TextVqa)
        {
            Prompt = SingleWord,
        },
        new("chartqa", Metric.Named("relaxed_accuracy"),
            ["data/chartqa/test_human.jsonl", "data/chartqa/test_augmented.jsonl"], 100, QuestionReaders.ChartQa)
        {
            Prompt = SingleWord,
            MaxTiles = 12,
        },
        new("docvqa", Metric.Named("anls"), ["data/docvqa/val.jsonl"], 100, QuestionReaders.DocVqa)
        {
            Prompt = SingleWord,
            MaxTiles = 18,
        },
        new("gqa", Metric.Named("gqa_match"), ["data/gqa/llava_gqa_testdev_balanced_qwen_format.jsonl"], 10, QuestionReaders.Plain)
        {
            Prompt = SingleWord,
        },
        new("seed", Metric.Named("seed_letter"), ["data/SEED/seed.jsonl"], 100, QuestionReaders.Seed),
        new("mmbench_dev", Metric.Named("mmbench_letter"), ["data/mmbench/mmbench_dev_20230712.tsv"], 100, QuestionReaders.MMBench)
        {
            Prompt = QuestionReaders.MMBenchInstruction,
        },
        new("mmbench_test", Metric.Named("mmbench_letter"),
            ["data/mmbench/mmbench_test_en_20231003.tsv"], 100, QuestionReaders.MMBench)
        {
            Prompt = QuestionReaders.MMBenchInstruction,
        },
        new("mmvet", Metric.Named("judged_elsewhere"), ["data/mm-vet/llava-mm-vet.jsonl"], 1000, QuestionReaders.MMVet)
        {
            Prompt = "",
        },
        new("mme", Metric.Named("mme"),
            [.. MmeScore.PerceptionTasks.Concat(MmeScore.CognitionTasks).Select(task => $"Your_Results/{task}.txt")],
            20, QuestionReaders.Mme)
        {
            Prompt = SingleWord,
            MinNewTokens = 0,
        },
        RefCoco("refcoco_val"), RefCoco("refcoco_testA"), RefCoco("refcoco_testB"),
        RefCoco("refcoco+_val"), RefCoco("refcoco+_testA"), RefCoco("refcoco+_testB"),
        RefCoco("refcocog_val"), RefCoco("refcocog_test"),
        new("requests", Metric.Named("synthetic"), ["requests.jsonl"], 128, QuestionReaders.Requests)
        {
            MaxTiles = 12,
        },
        new("synthetic", Metric.Named("synthetic"), ["questions.jsonl"], 32, QuestionReaders.Plain)
        {
            MaxTiles = 12,
        },
    ];

    /// <summary>Finds a benchmark.</summary>
    /// <exception cref="EvaluationException">There is none of that name; the message lists those there are.</exception>
    public static Benchmark Named(string name) => All.FirstOrDefault(b => b.Name == name)
        ?? throw new EvaluationException($"unknown benchmark '{name}'; known are {string.Join(", ", All.Select(b => b.Name))}");

    private static Benchmark RefCoco(string split) =>
        new(split, Metric.Named("box_accuracy"), [$"data/refcoco/{split}.jsonl"], 100, QuestionReaders.RefCoco);
}
