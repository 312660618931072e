using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>Writes an answer while it comes: the small model's tokens, the decision, the large model's tokens.</summary>
internal sealed class AnswerView(IAnsiConsole console, string indent = "")
{
    private static readonly Style Label = new(Color.Grey);
    private static readonly Style SmallTokens = new(Color.Yellow);
    private static readonly Style LargeTokens = new(Color.Green);
    private string? _speaking;
    private bool _started;

    /// <summary>Shows one event.</summary>
    public void Watch(Wire.AnswerResponse response)
    {
        switch (response.EventCase)
        {
            case Wire.AnswerResponse.EventOneofCase.SmallToken:
                Token("small", response.SmallToken.Text, SmallTokens);
                break;
            case Wire.AnswerResponse.EventOneofCase.Decision:
                EndLine();
                Field(response.Decision.Action == Wire.DecisionAction.Exit ? "exit" : "escalate", Reason(response.Decision));
                break;
            case Wire.AnswerResponse.EventOneofCase.LargeToken:
                Token("large", response.LargeToken.Text, LargeTokens);
                break;
            case Wire.AnswerResponse.EventOneofCase.Completed:
                EndLine();
                Completed(response.Completed);
                break;
        }
    }

    /// <summary>Ends a line that tokens left open, for instance when the request fails.</summary>
    public void EndLine()
    {
        if (_speaking is not null)
        {
            console.WriteLine();
            _speaking = null;
        }
    }

    /// <summary>One labelled line.</summary>
    public void Field(string label, string text, Style? style = null)
    {
        console.Write(new Styled($"{indent}{label,-9}", Label));
        console.Write(new Styled(Printable.Line(text), style));
        console.WriteLine();
    }

    private static string Reason(Wire.Decision decision)
    {
        var scores = decision.Scores is { HasConfidence: true } s
            ? string.Create(null, $" (confidence {s.Confidence:0.00}{(s.HasConsistency ? $", consistency {s.Consistency:0.00}" : "")})")
            : "";
        return decision.Explanation + scores;
    }

    private void Completed(Wire.AnswerCompleted completed)
    {
        if (completed.Path == Wire.AnswerPath.Degraded)
        {
            Field("degraded", completed.Explanation, new Style(Color.Red));
        }

        if (completed.Pruning is { } pruning && completed.Large is { Usage.VisualTokenCount: > 0 } large)
        {
            Field("kept", Summaries.Pruning(pruning, large.Usage.VisualTokenCount));
        }

        if (completed.Large is { Usage: { } usage } && usage.TileCount > usage.EncodedTileCount + usage.CachedTileCount)
        {
            Field("tiles", Summaries.Tiles(usage));
        }

        if (completed.Large is { Usage.DraftTokenCount: > 0 } drafted)
        {
            Field("draft", Summaries.Draft(drafted.Usage));
        }

        Field("time", Summaries.Times(completed));
    }

    private void Token(string label, string text, Style style)
    {
        if (_speaking != label)
        {
            EndLine();
            console.Write(new Styled($"{indent}{label,-9}", Label));
            (_speaking, _started) = (label, false);
        }

        // Text of a first token may begin with the space that separates words.
        var shown = Printable.Clean(_started ? text : text.TrimStart());
        _started |= shown.Length > 0;
        console.Write(new Styled(shown, style));
    }
}
