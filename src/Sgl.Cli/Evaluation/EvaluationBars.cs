using Sgl.Cli.Internal;
using Sgl.Evaluation;
using Spectre.Console;

namespace Sgl.Cli.Evaluation;

/// <summary>Shows how a run goes on: a bar where a person watches, otherwise a line now and then.</summary>
internal static class EvaluationBars
{
    private static readonly TimeSpan Between = TimeSpan.FromSeconds(15);

    /// <summary>Runs <paramref name="work"/> with its progress shown.</summary>
    public static async Task RunAsync(Terminal terminal, int alreadyThere, Func<IProgress<EvaluationProgress>, Task> work)
    {
        var pace = new EvaluationPace(alreadyThere, TimeProvider.System);
        if (!terminal.IsInteractive)
        {
            await work(Lines(terminal, pace));
            return;
        }

        await terminal.Status.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                var bar = context.AddTask("starting");
                await work(new CallbackProgress<EvaluationProgress>(p =>
                {
                    bar.MaxValue = p.Total;
                    bar.Value = p.Done;
                    bar.Description = Markup.Escape(pace.Describe(p));
                }));
            });
    }

    private static CallbackProgress<EvaluationProgress> Lines(Terminal terminal, EvaluationPace pace)
    {
        var gate = new Lock();
        var last = TimeProvider.System.GetTimestamp();
        return new(p =>
        {
            lock (gate)
            {
                if (p.Done == p.Total || TimeProvider.System.GetElapsedTime(last) >= Between)
                {
                    last = TimeProvider.System.GetTimestamp();
                    terminal.Hint(pace.Describe(p));
                }
            }
        });
    }
}
