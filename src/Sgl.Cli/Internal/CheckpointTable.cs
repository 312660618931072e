using Sgl.Guidance;
using Sgl.Models;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>A checkpoint in words.</summary>
internal static class CheckpointTable
{
    private const int ListedTensors = 10;

    public static Grid Create(Checkpoint checkpoint)
    {
        var (config, language, vision) = (checkpoint.Config, checkpoint.Config.Language, checkpoint.Config.Vision);
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        Row("folder", Path.GetFullPath(checkpoint.Folder));
        Row("family", $"{checkpoint.Family.ModelTypes[0]} ({config.Family})");
        Row("parameters", Number($"{Summaries.Parameters(checkpoint.Weights.Entries.Sum(e => e.ElementCount))} ({checkpoint.Weights.Entries.Sum(e => e.ElementCount)}) in {checkpoint.Weights.Entries.Count} tensors, {checkpoint.Weights.TotalBytes / 1048576.0:0.0} MiB"));
        Row("stored as", string.Join(", ", checkpoint.Weights.Entries.GroupBy(e => e.DataType).OrderByDescending(g => g.Count()).Select(g => Number($"{g.Key.ToString().ToLowerInvariant()} ({g.Count()} tensors)"))));
        Row("files", string.Join(", ", checkpoint.Weights.Entries.Select(e => e.File).Distinct().Order(StringComparer.Ordinal)));
        Row("decoder", Number($"{language.Architecture}: {language.Layers} layers, hidden {language.HiddenSize}, {language.Heads} heads of {language.HeadDim} ({language.KvHeads} for keys and values), inner {language.IntermediateSize}"));
        Row("vocabulary", Number($"{language.VocabularySize} rows{Head(checkpoint)}; at most {language.MaxPositions} positions"));
        Row("vision", Number($"{vision.Architecture}: {vision.Layers} blocks, hidden {vision.HiddenSize}, {vision.Heads} heads, patches of {vision.PatchSize} px"));
        Row("images", checkpoint.Preprocessor.Description);
        Row("layout key", checkpoint.VisualLayoutKey);
        Row("prune layers", $"{string.Join(", ", PruneLayers(language.Layers))} (default; any of 0-{language.Layers - 1} can be configured)");
        Row("tokenizer", checkpoint.Tokenizer is { } tokenizer ? Number($"{tokenizer.VocabularySize} ids, digest {checkpoint.TokenizerDigest?[..Math.Min(12, checkpoint.TokenizerDigest.Length)]}") : "none: the checkpoint takes token ids only");
        Row("prompt", checkpoint.Template?.Name ?? "none");
        Row("stops at", string.Join(", ", checkpoint.Generation.StopTokenIds.Select(id => Token(checkpoint, id))));
        Row("unused tensors", Unused(checkpoint.UnusedTensors));
        return grid;

        void Row(string name, string text) => grid.AddRow(new Styled(name, new Style(Color.Grey)), new Styled(Printable.Line(text)));
    }

    private static string Head(Checkpoint checkpoint) => checkpoint switch
    {
        { HeadUntied: true } => ", stored head, which differs from the embedding although config.json ties them",
        { Config.Language.TiedHead: true } => ", head tied to the embedding",
        _ => string.Empty,
    };

    private static int[] PruneLayers(int layers) => [.. PruneSchedule.PaperLayers(layers).Prepend(0).Distinct()];

    private static string Token(Checkpoint checkpoint, int id) => checkpoint.Tokenizer?.IdToToken(id) is { } token ? Number($"{token} ({id})") : Number($"{id}");

    private static string Unused(IReadOnlyList<string> names) => names.Count switch
    {
        0 => "none",
        <= ListedTensors => string.Join(", ", names),
        _ => $"{names.Count}: {string.Join(", ", names.Take(ListedTensors))}, ...",
    };

    private static string Number(FormattableString text) => FormattableString.Invariant(text);
}
