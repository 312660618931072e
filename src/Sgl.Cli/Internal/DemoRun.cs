using System.Diagnostics;
using System.Globalization;
using Sgl.Evaluation;
using Sgl.Rendering;
using Sgl.Vision;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>One run of the demo.</summary>
internal sealed class DemoRun(Terminal terminal)
{
    private const int PictureSide = 448;
    private const string Indent = "      ";
    private static readonly Metric Judge = Metric.Named("synthetic");

    /// <summary>Checkpoint folder of the small model.</summary>
    public required string Small { get; init; }

    /// <summary>Checkpoint folder of the large model.</summary>
    public required string Large { get; init; }

    /// <summary>What is asked.</summary>
    public required IReadOnlyList<SampleQuestion> Questions { get; init; }

    /// <summary>Where the images are.</summary>
    public required string ImageFolder { get; init; }

    /// <summary>Exit threshold; null: the router's.</summary>
    public required double? Threshold { get; init; }

    /// <summary>How the models see the images.</summary>
    public ImageDecoderOptions Pictures { get; init; } = new();

    /// <summary>Where the pictures go.</summary>
    public required string Output { get; init; }

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var images = Questions.Select(q => q.Image).Distinct().ToDictionary(name => name, name => ImageFile.Read(Path.Combine(ImageFolder, name)));
        Directory.CreateDirectory(Output);
        await using var services = await LocalServices.StartAsync(new LocalServicesOptions { Small = Small, Large = Large, Pictures = Pictures }, terminal, cancellationToken);
        using var client = new RouterClient(services.Router);
        var info = await client.InfoAsync(cancellationToken);
        Introduce(services, info);

        var outcomes = new List<DemoOutcome>();
        for (var i = 0; i < Questions.Count; i++)
        {
            outcomes.Add(await AskAsync(client, i, images[Questions[i].Image], cancellationToken));
        }

        await services.StopAsync();
        Summarise(outcomes, Stopwatch.GetElapsedTime(started));
        terminal.Line();
        terminal.Line(DemoNotice.For(info, CheckpointFolders.IsDemo(Small) && CheckpointFolders.IsDemo(Large)));
        return ExitCodes.Success;
    }

    private void Introduce(LocalServices services, Wire.GetInfoResponse info)
    {
        Model("small", info.Small);
        Model("large", info.Large);
        terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"router  {services.Router.Authority}, exits where the {info.DefaultPolicy.Criterion.ToString().ToLowerInvariant()} score is at least {Threshold ?? info.DefaultPolicy.Threshold:0.00}"));
        terminal.Line();

        void Model(string role, Wire.ModelInfo model) => terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{role,-7} {services.Endpoints(role).Grpc.Authority}, {model.Name}: {Summaries.Parameters(model.ParameterCount)} parameters, {model.LayerCount} layers"));
    }

    private async Task<DemoOutcome> AskAsync(RouterClient client, int index, ImageFile image, CancellationToken cancellationToken)
    {
        var question = Questions[index];
        terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{index + 1,2}/{Questions.Count} {image.Name}: {Printable.Line(question.Question)}"), new Style(decoration: Decoration.Bold));
        var request = AnswerRequests.Create([image], question.Question);

        // A demo that hides a failed model behind the other one's answer shows nothing.
        request.Policy = new Wire.RoutingPolicy { OnLargeFailure = Wire.LargeFailurePolicy.Fail };
        if (Threshold is { } threshold)
        {
            request.Policy.Threshold = threshold;
        }

        var view = new AnswerView(terminal.Out, Indent);
        var started = Stopwatch.GetTimestamp();
        RouterAnswer answer;
        try
        {
            answer = await client.AskAsync(request, view.Watch, cancellationToken);
        }
        finally
        {
            view.EndLine();
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        var outcome = new DemoOutcome(answer, IsRight(answer.Completed.Answer, question), IsRight(answer.Completed.Small.Answer, question), elapsed);
        view.Field(outcome.Right ? "right" : "wrong", $"{answer.Completed.Answer} (expected {question.Answer})", new Style(outcome.Right ? Color.Green : Color.Red));
        view.Field("picture", Draw(index, image, answer));
        terminal.Line();
        return outcome;
    }

    private string Draw(int index, ImageFile image, RouterAnswer answer)
    {
        var layout = answer.Layout.Images[0];
        var placed = new PlacedImage(image.Decode(Pictures), WireLayouts.ToVision(layout), layout.FirstToken);
        var page = TokenPictures.Page([placed], [.. answer.Completed.Importance.Values], TokenPictures.FigureRatios, PictureSide);
        var path = Path.Combine(Output, string.Create(CultureInfo.InvariantCulture, $"{index + 1:00}-{Path.GetFileNameWithoutExtension(image.Name)}.png"));
        PngWriter.Write(path, page);
        return path;
    }

    private void Summarise(IReadOnlyList<DemoOutcome> outcomes, TimeSpan total)
    {
        var (exits, escalations) = (outcomes.Where(o => o.Exited).ToList(), outcomes.Where(o => !o.Exited).ToList());
        var table = new Spectre.Console.Table().Border(TableBorder.Simple).AddColumns("", "questions", "right", "small alone right", "mean time");
        Row("exit", exits);
        Row("escalate", escalations);
        Row("all", outcomes);
        terminal.Out.Write(table);
        terminal.Line(string.Create(
            CultureInfo.InvariantCulture,
            $"{outcomes.Count(o => o.Right)} of {outcomes.Count} right, {exits.Count} exits, {escalations.Count} escalations, whole run {total.TotalSeconds:0.0} s, pictures in {Output}"));

        void Row(string name, IReadOnlyList<DemoOutcome> group) => table.AddRow(
            name,
            group.Count.ToString(CultureInfo.InvariantCulture),
            group.Count(o => o.Right).ToString(CultureInfo.InvariantCulture),
            group.Count(o => o.SmallRight).ToString(CultureInfo.InvariantCulture),
            group.Count == 0 ? "-" : Summaries.Seconds(TimeSpan.FromSeconds(group.Average(o => o.Elapsed.TotalSeconds))));
    }

    private static bool IsRight(string answer, SampleQuestion question) =>
        Judge.Score(answer, new ReferenceAnswer { Answers = [question.Answer] }) == 1;
}

/// <summary>What came of one question.</summary>
/// <param name="Answer">The stream's contents.</param>
/// <param name="Right">Whether the answer is right.</param>
/// <param name="SmallRight">Whether the small model's answer was right.</param>
/// <param name="Elapsed">From question to end, as the client sees it.</param>
internal sealed record DemoOutcome(RouterAnswer Answer, bool Right, bool SmallRight, TimeSpan Elapsed)
{
    /// <summary>Whether the small model's answer was final.</summary>
    public bool Exited => Answer.Completed.Path == Wire.AnswerPath.Exit;
}
