using System.IO.Compression;
using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Sgl.Experiments;
using Sgl.Rendering;

namespace Sgl.Cli.Evaluation;

/// <summary>One run of <c>sgl eval --paper</c>: every table and figure for one pair.</summary>
internal sealed class PaperRun(Terminal terminal)
{
    private const int PictureSide = 224;

    /// <summary>The benchmark.</summary>
    public required Benchmark Benchmark { get; init; }

    /// <summary>Its folder.</summary>
    public required string Data { get; init; }

    /// <summary>How it is read.</summary>
    public required DatasetOptions Reading { get; init; }

    /// <summary>The models.</summary>
    public required PairOfModels Models { get; init; }

    /// <summary>Seed of random masks and of the bootstrap.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Where everything is written.</summary>
    public required string Output { get; init; }

    /// <summary>The command line.</summary>
    public required string Command { get; init; }

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var dataset = Benchmark.Read(Data, Reading);
        var methods = PaperExperiment.AllMethods(Models.LargeLayers(), Seed);
        await using var subject = await Models.LoadAsync(terminal, methods, cancellationToken);
        var header = RunHeaders.Of(subject.Description, Command, Seed, DataFingerprint.Of(Benchmark, Data));
        var results = Path.Combine(Output, "results.jsonl");
        Unpack(results);
        var records = await StoredRun.RunAsync(
            terminal, results, header, subject, dataset, methods, Reading.SkipBad, concurrency: 1, together: false, cancellationToken);
        var pictures = await PicturesAsync(subject, dataset, cancellationToken);
        var claims = new PaperReport(header, dataset, records).Write(Output, pictures);
        Pack(results);
        terminal.Line(Claim.Tabulate(claims).ToMarkdown());
        terminal.Line($"written to {Output}; begin with README.md");
        return ExitCodes.Success;
    }

    /// <summary>Results are kept compressed beside the tables; a run in another checkout goes on from them.</summary>
    private static void Unpack(string results)
    {
        if (File.Exists(results) || !File.Exists(results + ".gz"))
        {
            return;
        }

        using var packed = new GZipStream(File.OpenRead(results + ".gz"), CompressionMode.Decompress);
        using var file = File.Create(results);
        packed.CopyTo(file);
    }

    private static void Pack(string results)
    {
        using (var packed = new GZipStream(File.Create(results + ".gz"), CompressionLevel.SmallestSize))
        using (var file = File.OpenRead(results))
        {
            file.CopyTo(packed);
        }

        File.Delete(results);
    }

    /// <summary>Figures 5 and 8: the first question of each kind.</summary>
    private async Task<IReadOnlyList<(string File, string Caption)>> PicturesAsync(EngineSubject subject, Dataset dataset, CancellationToken cancellationToken)
    {
        var ratios = new[] { 64, 35, 9 }
            .Select(p => PaperExperiment.Row("", PruningMethod.Sgp, p, subject.Description.LargeLayers).Method!.KeepRatio).ToArray();
        var pictures = new List<(string, string)>();
        foreach (var question in dataset.Questions.Where(q => q.Kind is not null).DistinctBy(q => q.Kind))
        {
            var look = await subject.LookAsync(question, cancellationToken);
            var page = TokenPictures.Page([new PlacedImage(look.Pixels, look.Layout, 0)], look.Importance, ratios, PictureSide);
            var file = $"figure5-{question.Kind}.png";
            PngWriter.Write(Path.Combine(Output, file), page);
            pictures.Add((file, $"{question.Text.Replace('<', '(').Replace('>', ')')} Small model: {look.Answer}; right: {string.Join(" or ", question.Reference.Answers)}."));
        }

        return pictures;
    }
}
