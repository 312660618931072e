namespace Sgl.Hosting;

/// <summary>Turns calls away before a byte of their message is read, e.g. because the service has as many as it can hold.</summary>
public interface ICallGate
{
    /// <summary>Lets a call pass or not. Takes no place: what passes here may still be refused by its handler.</summary>
    /// <param name="path">Full method name or route, e.g. <c>/sgl.v1.SmallService/Generate</c>.</param>
    /// <exception cref="OverloadedException">Not now.</exception>
    void Check(string path);
}
