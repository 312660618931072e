namespace Sgl.Evaluation;

/// <summary>An image of a benchmark: a file, or bytes that stood inside the data file.</summary>
public sealed class ImageSource
{
    private readonly byte[]? _bytes;

    private ImageSource(string name, byte[]? bytes) => (Name, _bytes) = (name, bytes);

    /// <summary>Path of the file, or where the bytes came from.</summary>
    public string Name { get; }

    /// <summary>An image file.</summary>
    public static ImageSource File(string path) => new(path, null);

    /// <summary>Encoded image bytes.</summary>
    public static ImageSource Inline(string name, byte[] bytes) => new(name, bytes);

    /// <summary>The encoded image (PNG, JPEG, ...), not decoded.</summary>
    public ValueTask<byte[]> ReadAsync(CancellationToken cancellation) => _bytes is not null
        ? ValueTask.FromResult(_bytes)
        : new ValueTask<byte[]>(System.IO.File.ReadAllBytesAsync(Name, cancellation));
}

/// <summary>One question of a benchmark.</summary>
public sealed record EvaluationQuestion
{
    /// <summary>Name of the benchmark, see <see cref="Benchmarks"/>.</summary>
    public required string Benchmark { get; init; }

    /// <summary>Unique within the benchmark.</summary>
    public required string Id { get; init; }

    /// <summary>Everything the user turn says after the image: the question with the benchmark's prompt.</summary>
    public required string Text { get; init; }

    /// <summary>The image.</summary>
    public required ImageSource Image { get; init; }

    /// <summary>The right answer.</summary>
    public required ReferenceAnswer Reference { get; init; }

    /// <summary>Sub-task, split or question kind.</summary>
    public string? Kind { get; init; }

    /// <summary>Questions judged together share it.</summary>
    public string? Group { get; init; }

    /// <summary>The benchmark's limit of generated tokens.</summary>
    public int MaxNewTokens { get; init; }

    /// <summary>1: the first id is not end-of-sequence. 0 for MME.</summary>
    public int MinNewTokens { get; init; } = 1;

    /// <summary>The most tiles an image may be cut into, thumbnail not counted.</summary>
    public int MaxTiles { get; init; }
}

/// <summary>How a benchmark is read.</summary>
public sealed record DatasetOptions
{
    /// <summary>Go on after a broken line or a missing image, and list it in <see cref="Dataset.Skipped"/>.</summary>
    /// <value>The default is false: the first one is an error.</value>
    public bool SkipBad { get; init; }

    /// <summary>Where images are looked for first.</summary>
    /// <value>The default is null: the given folder, then the data file's folder and its <c>images</c>.</value>
    public string? ImageRoot { get; init; }

    /// <summary>Read at most this many questions.</summary>
    /// <value>The default is null: all.</value>
    public int? Limit { get; init; }
}

/// <summary>A benchmark that was read.</summary>
/// <param name="Benchmark">Which.</param>
/// <param name="Questions">In file order.</param>
/// <param name="Skipped">What <see cref="DatasetOptions.SkipBad"/> passed over.</param>
public sealed record Dataset(
    Benchmark Benchmark, IReadOnlyList<EvaluationQuestion> Questions, IReadOnlyList<DatasetException> Skipped);
