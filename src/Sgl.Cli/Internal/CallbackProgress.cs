namespace Sgl.Cli.Internal;

/// <summary>Calls back at once and in order, which <see cref="Progress{T}"/> does not.</summary>
internal sealed class CallbackProgress<T>(Action<T> callback) : IProgress<T>
{
    public void Report(T value) => callback(value);
}
