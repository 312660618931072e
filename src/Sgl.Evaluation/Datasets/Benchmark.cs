using Sgl.Evaluation.Internal;

namespace Sgl.Evaluation;

/// <summary>A benchmark: where its files lie, what it asks and how it is scored.</summary>
public sealed class Benchmark
{
    private readonly Action<DatasetReading> _read;

    internal Benchmark(string name, Metric metric, string[] files, int maxNewTokens, Action<DatasetReading> read)
    {
        Name = name;
        Metric = metric;
        Files = files;
        MaxNewTokens = maxNewTokens;
        _read = read;
    }

    /// <summary>The name by which <see cref="Benchmarks.Named"/> finds it.</summary>
    public string Name { get; }

    /// <summary>How answers are scored.</summary>
    public Metric Metric { get; }

    /// <summary>Data files relative to the folder that holds <c>data</c>, as the InternVL evaluation lays them out.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Generation limit in tokens.</summary>
    public int MaxNewTokens { get; }

    /// <summary>Limit of generated tokens from below.</summary>
    public int MinNewTokens { get; internal init; } = 1;

    /// <summary>Tiles at most, thumbnail not counted: 6, ChartQA 12, DocVQA 18 as the InternVL read-me sets them.</summary>
    public int MaxTiles { get; internal init; } = 6;

    /// <summary>Appended to the question after a blank; null: nothing, not even the blank.</summary>
    public string? Prompt { get; internal init; }

    /// <summary>The same questions scored by another metric.</summary>
    /// <exception cref="EvaluationException">MME's number is a sum over image pairs, which only MME has.</exception>
    public Benchmark With(Metric metric)
    {
        ArgumentNullException.ThrowIfNull(metric);
        return metric is MmeScore == Metric is MmeScore
            ? new Benchmark(Name, metric, [.. Files], MaxNewTokens, _read) { MinNewTokens = MinNewTokens, MaxTiles = MaxTiles, Prompt = Prompt }
            : throw new EvaluationException($"the metric {metric.Name} does not fit the benchmark {Name}");
    }

    /// <summary>Reads the benchmark.</summary>
    /// <param name="path">The folder that holds <see cref="Files"/>, or one data file of the same format.</param>
    /// <param name="options">How to read.</param>
    /// <exception cref="DatasetException">A file is missing, a line is broken, an image is missing. Names file and line.</exception>
    public Dataset Read(string path, DatasetOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new DatasetOptions();
        if (options.Limit < 0)
        {
            throw new EvaluationException($"the number of questions must not be negative, was {options.Limit}");
        }

        var reading = new DatasetReading(this, path, options);
        _read(reading);
        return reading.Result();
    }
}
