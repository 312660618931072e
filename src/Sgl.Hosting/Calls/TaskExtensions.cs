namespace Sgl.Hosting;

/// <summary>For tasks whose outcome nobody waits for any more.</summary>
public static class TaskExtensions
{
    /// <summary>Keeps a failure that nobody waits for from being reported as unobserved.</summary>
    /// <param name="task">The task.</param>
    public static void ObserveFailure(this Task task)
    {
        ArgumentNullException.ThrowIfNull(task);
        _ = task.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }
}
