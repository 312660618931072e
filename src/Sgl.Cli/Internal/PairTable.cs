using System.Globalization;
using Sgl.Models;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>What two checkpoints are to each other, in words.</summary>
internal static class PairTable
{
    private const int ListedTokens = 6;

    public static Grid Create(Checkpoint small, Checkpoint large)
    {
        var pair = CheckpointPair.Of(small, large);
        var grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        var (one, other) = (small.ParameterCount, large.ParameterCount);
        Row("small", Model(small, one));
        Row("large", Model(large, other));
        Row("sizes", Place(small) == Place(large)
            ? "the same folder twice"
            : one <= other
            ? FormattableString.Invariant($"the small model has {100.0 * one / other:0.#} % of the large one's parameters")
            : FormattableString.Invariant($"the first folder has {(double)one / other:0.#} times the parameters of the second: is the order as meant?"));
        Row("guidance", pair.CanGuide
            ? $"yes: any image gives both the same visual tokens in the same order ({small.VisualLayoutKey})"
            : $"no: {string.Join("; ", pair.Obstacles)}");
        Row("drafts", Drafts(pair, small, large));
        return grid;

        void Row(string name, string text) => grid.AddRow(new Styled(name, new Style(Color.Grey)), new Styled(Printable.Line(text)));
    }

    private static string Place(Checkpoint checkpoint) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(checkpoint.Folder));

    private static string Model(Checkpoint checkpoint, long parameters) =>
        $"{Place(checkpoint)}: {checkpoint.Family.ModelTypes[0]}, {Summaries.Parameters(parameters)} parameters ({parameters.ToString(CultureInfo.InvariantCulture)})";

    private static string Drafts(CheckpointPair pair, Checkpoint small, Checkpoint large) => pair.Drafts switch
    {
        DraftSharing.AllTokens => "yes: all token ids mean the same",
        DraftSharing.OrdinaryTokens => "yes, up to the first added token that the two do not share: "
            + (pair.UnsharedTokens.Count == 0 ? "the small model has none" : string.Join(", ", pair.UnsharedTokens.Take(ListedTokens)))
            + (pair.UnsharedTokens.Count > ListedTokens ? $" and {pair.UnsharedTokens.Count - ListedTokens} more" : ""),
        _ when small.Tokenizer is null || large.Tokenizer is null => $"no: {(small.Tokenizer is null ? "the first" : "the second")} folder has no tokenizer",
        _ => "no: the token ids of one mean something else to the other",
    };
}
