using System.Diagnostics;
using Sgl.Inference;
using Spectre.Console;

namespace Sgl.Cli.Internal;

/// <summary>Shows the loading of models: bars where a person watches, otherwise one line each.</summary>
internal static class LoadBars
{
    /// <summary>Runs <paramref name="load"/> with one progress for each name.</summary>
    public static Task<T> RunAsync<T>(Terminal terminal, IReadOnlyList<string> names, Func<IReadOnlyList<IProgress<LoadProgress>>, Task<T>> load) =>
        terminal.IsInteractive ? WithBarsAsync(terminal, names, load) : load([.. names.Select(n => Lines(terminal, n))]);

    private static Task<T> WithBarsAsync<T>(Terminal terminal, IReadOnlyList<string> names, Func<IReadOnlyList<IProgress<LoadProgress>>, Task<T>> load) =>
        terminal.Status.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(context => load([.. names.Select(name => Bar(context.AddTask($"load {Markup.Escape(name)}"), name))]));

    private static CallbackProgress<LoadProgress> Bar(ProgressTask task, string name) => new(p =>
    {
        task.Description = $"load {Markup.Escape(name)}: {Markup.Escape(p.Phase)}";
        task.Value = 100 * p.Fraction;
    });

    private static CallbackProgress<LoadProgress> Lines(Terminal terminal, string name)
    {
        var started = Stopwatch.GetTimestamp();
        return new(p =>
        {
            if (p.Fraction >= 1)
            {
                terminal.Hint(FormattableString.Invariant($"loaded {name} in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s"));
            }
        });
    }
}
