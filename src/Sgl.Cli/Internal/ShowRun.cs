using System.Globalization;
using Sgl.Guidance;
using Sgl.Inference;
using Sgl.Rendering;
using Sgl.Text;
using Sgl.Vision;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>One run of <c>sgl show</c>.</summary>
internal sealed class ShowRun(Terminal terminal)
{
    private const int PictureSide = 672;
    private const double ConsistencyRatio = 0.05;

    /// <summary>Checkpoint folder of the small model.</summary>
    public required string Small { get; init; }

    /// <summary>What the question is about.</summary>
    public required IReadOnlyList<ImageFile> Images { get; init; }

    /// <summary>How the model sees the images.</summary>
    public ImageDecoderOptions Pictures { get; init; } = new();

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>System message; null: the checkpoint's.</summary>
    public required string? System { get; init; }

    /// <summary>Most tokens of the answer.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Keep ratios.</summary>
    public required IReadOnlyList<double> Ratios { get; init; }

    /// <summary>How many tokens are listed.</summary>
    public required int Top { get; init; }

    /// <summary>PNG file.</summary>
    public required string Output { get; init; }

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var pixels = Images.Select(i => i.Decode(Pictures)).ToList();
        Images.Select(i => i.PageHint()).OfType<string>().ToList().ForEach(terminal.Hint);
        var options = new EngineOptions { Checkpoint = Small };
        await using var engine = await LoadBars.RunAsync(
            terminal, [$"small model {Path.GetFileName(Path.GetFullPath(Small))}"],
            progress => VlmEngine.LoadAsync(options, progress: progress[0], cancellationToken: cancellationToken));
        var prompt = await engine.PrepareAsync(new PromptInput { Images = pixels, Messages = Messages() }, cancellationToken);
        var result = await AnswerAsync(engine, prompt, cancellationToken);
        var placed = Place(prompt, pixels);
        var page = TokenPictures.Page(placed, result.Importance!, Ratios, PictureSide);
        if (Path.GetDirectoryName(Path.GetFullPath(Output)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        PngWriter.Write(Output, page);
        List(result.Importance!, prompt, placed);
        terminal.Line($"picture  {Output}");
        return ExitCodes.Success;
    }

    private List<ChatMessage> Messages()
    {
        var messages = new List<ChatMessage>();
        if (System is not null)
        {
            messages.Add(new ChatMessage(ChatRole.System, [new ChatPart.Text(System)]));
        }

        messages.Add(new ChatMessage(ChatRole.User, [new ChatPart.Text(Question)]));
        return messages;
    }

    private async Task<GenerationResult> AnswerAsync(VlmEngine engine, PreparedPrompt prompt, CancellationToken cancellationToken)
    {
        var options = new GenerationOptions
        {
            Sampling = new SamplingOptions { MaxNewTokens = MaxTokens },
            Importance = new ImportanceOptions(),
            ConsistencyRatio = ConsistencyRatio,
        };
        terminal.Out.Write(new Styled("answer   ", new Style(Color.Grey)));
        GenerationResult? result = null;
        await foreach (var generated in engine.GenerateAsync(prompt, options, cancellationToken))
        {
            if (generated is GenerationEvent.Token token)
            {
                terminal.Out.Write(new Styled(Printable.Clean(token.Text), new Style(Color.Yellow)));
            }

            result = (generated as GenerationEvent.Completed)?.Result ?? result;
        }

        terminal.Line();
        var scores = result!.Scores!;
        terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"scores   decision {scores.Decision:0.00} (confidence {scores.Confidence:0.00}, consistency {scores.Consistency:0.00})"));
        return result;
    }

    private static List<PlacedImage> Place(PreparedPrompt prompt, List<RgbImage> pixels)
    {
        var placed = new List<PlacedImage>();
        var first = 0;
        for (var i = 0; i < prompt.Images.Count; i++)
        {
            placed.Add(new PlacedImage(pixels[prompt.Spans[i].ImageIndex], prompt.Images[i].Layout, first));
            first += prompt.Images[i].Layout.TokenCount;
        }

        return placed;
    }

    private void List(float[] importance, PreparedPrompt prompt, List<PlacedImage> placed)
    {
        if (Top == 0)
        {
            return;
        }

        var sum = importance.Sum();
        var table = new Table().Border(TableBorder.Simple).AddColumns("rank", "token", "image", "tile", "row, column", "pixels", "share");
        var ranking = Ranking.Descending(importance);
        for (var i = 0; i < Math.Min(Top, ranking.Length); i++)
        {
            var token = ranking[i];
            var image = placed.FindLastIndex(p => p.FirstToken <= token);
            var place = placed[image].Layout.Locate(token - placed[image].FirstToken);
            table.AddRow(
                Number(i + 1),
                Number(token),
                Markup.Escape(Images[prompt.Spans[image].ImageIndex].Name),
                $"{Number(place.Tile.Index)} {place.Tile.Kind.ToString().ToLowerInvariant()}",
                $"{Number(place.Row)}, {Number(place.Column)}",
                place.IsNewline
                    ? "newline"
                    : string.Create(CultureInfo.InvariantCulture, $"{place.X:0}-{place.X + place.Width:0} x {place.Y:0}-{place.Y + place.Height:0}"),
                string.Create(CultureInfo.InvariantCulture, $"{(sum > 0 ? importance[token] / sum : 0):P1}"));
        }

        terminal.Out.Write(table);
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
